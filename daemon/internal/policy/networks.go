package policy

import (
	"net/netip"
	"slices"
)

// holds says whether every address of a network is in one of the others, or in
// several of them together.
func holds(networks []netip.Prefix, network netip.Prefix) bool {
	parts, whole := overlapping(networks, network)
	if whole || len(parts) == 0 {
		return whole
	}
	lower, upper := halves(network)
	return holds(parts, lower) && holds(parts, upper)
}

// share is how much of a network the others hold together, from 0 to 1.
func share(networks []netip.Prefix, network netip.Prefix) float64 {
	parts, whole := overlapping(networks, network)
	switch {
	case whole:
		return 1
	case len(parts) == 0:
		return 0
	}
	lower, upper := halves(network)
	return (share(parts, lower) + share(parts, upper)) / 2
}

// overlapping are those of the networks that are parts of the one; whole says
// that one of them holds all of it.
func overlapping(networks []netip.Prefix, network netip.Prefix) (parts []netip.Prefix, whole bool) {
	for _, other := range networks {
		if !other.Overlaps(network) {
			continue
		}
		if other.Bits() <= network.Bits() {
			return nil, true
		}
		parts = append(parts, other)
	}
	return parts, false
}

// halves are the two networks that a network of more than one address consists of.
func halves(network netip.Prefix) (lower, upper netip.Prefix) {
	bits := network.Bits()
	begin := network.Masked().Addr()
	bytes := begin.AsSlice()
	bytes[bits/8] |= 0x80 >> (bits % 8)
	middle, _ := netip.AddrFromSlice(bytes) // of the length it had
	return netip.PrefixFrom(begin, bits+1), netip.PrefixFrom(middle, bits+1)
}

// All addresses there are.
var (
	allIPv4 = netip.MustParsePrefix("0.0.0.0/0")
	allIPv6 = netip.MustParsePrefix("::/0")
)

// wide says whether these networks are more than an office's: one of them is
// larger than the /8 and the /16 that are the largest given to one owner, or all
// together are as much as sixteen such.
func wide(networks []netip.Prefix) bool {
	return slices.ContainsFunc(networks, func(network netip.Prefix) bool {
		if network.Addr().Is4() {
			return network.Bits() < 8
		}
		return network.Bits() < 16
	}) || share(networks, allIPv4) >= 16./(1<<8) || share(networks, allIPv6) >= 16./(1<<16)
}
