package account

import "slices"

// maxOwners is how many hosts an account is bound on; the oldest gives way.
const maxOwners = 16

// HostID tells one host from another. The zero value is no host.
type HostID [16]byte

// Owner is whose a name is on a host. The zero value is nobody's there, as in a
// realm that has no Unix users.
type Owner struct {
	Host HostID
	UID  uint32
}

// IsForeign says whether the name was another's on this host when its codes were
// accepted: the account is not for whoever has the name now.
func (a Account) IsForeign(owner Owner) bool {
	return slices.ContainsFunc(a.Owners, func(bound Owner) bool {
		return bound.Host == owner.Host && bound.UID != owner.UID
	})
}

// bind notes whose the name is, the first time on each host.
func bind(owners []Owner, owner Owner) []Owner {
	if owner.Host == (HostID{}) || slices.Contains(owners, owner) {
		return owners
	}
	owners = append(slices.Clone(owners), owner)
	return owners[max(0, len(owners)-maxOwners):]
}
