package account

import (
	"slices"
	"time"
)

// What format 2 of the record added to the first.

// recoveryRecord has its digests one after the other, and a bit for each that is
// spent, the lowest for number 1.
type recoveryRecord struct {
	Salt    []byte `cbor:"0,keyasint"`
	Digests []byte `cbor:"1,keyasint"`
	Spent   uint8  `cbor:"2,keyasint,omitempty"`
}

type issuedRecord struct {
	Salt   []byte `cbor:"0,keyasint"`
	Digest []byte `cbor:"1,keyasint"`
	At     int64  `cbor:"2,keyasint"`
	Valid  int64  `cbor:"3,keyasint"` // in seconds
	Once   bool   `cbor:"4,keyasint,omitempty"`
	Spent  bool   `cbor:"5,keyasint,omitempty"`
}

type ownerRecord struct {
	Host []byte `cbor:"0,keyasint"`
	UID  uint32 `cbor:"1,keyasint"`
}

type happeningRecord struct {
	Change uint8  `cbor:"0,keyasint"`
	At     int64  `cbor:"1,keyasint"`
	Source string `cbor:"2,keyasint"`
	Told   bool   `cbor:"3,keyasint,omitempty"`
}

// addSince2 adds what the first format has not.
func (r *record) addSince2(a Account) {
	if !a.Recovery.IsZero() {
		set := recoveryRecord{Salt: a.Recovery.Salt[:]}
		for i, code := range a.Recovery.Codes {
			set.Digests = append(set.Digests, code.Digest[:]...)
			if code.Spent {
				set.Spent |= 1 << i
			}
		}
		r.Recovery = &set
	}
	if issued := a.Issued; !issued.IsZero() {
		r.Issued = &issuedRecord{
			Salt: issued.Salt[:], Digest: issued.Digest[:],
			At: unix(issued.At), Valid: int64(issued.Valid / time.Second), Once: issued.Once, Spent: issued.Spent,
		}
	}
	for _, owner := range a.Owners {
		r.Owners = append(r.Owners, ownerRecord{Host: owner.Host[:], UID: owner.UID})
	}
	for _, h := range a.Happened {
		r.Happened = append(r.Happened, happeningRecord{
			Change: uint8(h.Change), At: unix(h.At), Source: string(h.Source), Told: h.Told,
		})
	}
}

// since2 is a with what the first format has not.
func (r record) since2(a Account) (Account, error) {
	if r.Format < 2 && r.hasSince2() || len(r.Owners) > maxOwners || len(r.Happened) > maxHappened {
		return Account{}, ErrRecord
	}
	var err error
	if r.Recovery != nil {
		if a.Recovery, err = r.Recovery.set(); err != nil {
			return Account{}, err
		}
	}
	if r.Issued != nil {
		if a.Issued, err = r.Issued.code(); err != nil {
			return Account{}, err
		}
	}
	for _, row := range r.Refusals {
		if row.Told > row.Count {
			return Account{}, ErrRecord
		}
	}
	for _, row := range r.Owners {
		if len(row.Host) != len(HostID{}) {
			return Account{}, ErrRecord
		}
		a.Owners = append(a.Owners, Owner{Host: HostID(row.Host), UID: row.UID})
	}
	for _, row := range r.Happened {
		a.Happened = append(a.Happened, Happening{
			Change: Change(row.Change), At: fromUnix(row.At), Source: Source(row.Source), Told: row.Told,
		})
	}
	return a, nil
}

func (r record) hasSince2() bool {
	return r.Recovery != nil || r.Issued != nil || len(r.Owners) > 0 || len(r.Happened) > 0 ||
		slices.ContainsFunc(r.Refusals, func(row refusalRecord) bool { return row.Told > 0 })
}

func (r recoveryRecord) set() (RecoverySet, error) {
	n := len(r.Digests) / len(Digest{})
	if len(r.Salt) != len(Salt{}) || n < 1 || n > RecoveryCodes || len(r.Digests)%len(Digest{}) != 0 {
		return RecoverySet{}, ErrRecord
	}
	set := RecoverySet{Salt: Salt(r.Salt)}
	i := 0
	for raw := range slices.Chunk(r.Digests, len(Digest{})) {
		set.Codes = append(set.Codes, RecoveryCode{Digest: Digest(raw), Spent: r.Spent&(1<<i) != 0})
		i++
	}
	return set, nil
}

func (r issuedRecord) code() (IssuedCode, error) {
	code := IssuedCode{At: fromUnix(r.At), Valid: time.Duration(r.Valid) * time.Second, Once: r.Once, Spent: r.Spent}
	if len(r.Salt) != len(Salt{}) || len(r.Digest) != len(Digest{}) || r.Valid < 0 || r.Valid > int64(MaxIssuedValid/time.Second) {
		return IssuedCode{}, ErrRecord
	}
	code.Salt, code.Digest = Salt(r.Salt), Digest(r.Digest)
	return code, nil
}
