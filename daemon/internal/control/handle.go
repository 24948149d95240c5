package control

import (
	"encoding/base64"
	"time"

	"github.com/fxamacker/cbor/v2"

	"spse-totp/daemon/internal/account"
	"spse-totp/daemon/internal/seal"
	"spse-totp/totp"
)

const (
	// offerGood is how long a person has to scan and confirm.
	offerGood = 10 * time.Minute

	purposeOffer = "offer"
)

// handle is an offer on its way through the caller's hands: sealed to the
// account, so that nothing need be kept while a person scans.
type handle struct {
	Secret     []byte `cbor:"0,keyasint"`
	Generation uint64 `cbor:"1,keyasint"`
	UID        uint32 `cbor:"2,keyasint"`
	Until      int64  `cbor:"3,keyasint"` // Unix seconds
}

func (s *Service) sealHandle(r request, secret totp.Secret, generation account.Generation) (string, error) {
	clear, err := cbor.Marshal(handle{
		Secret: secret.Bytes(), Generation: uint64(generation), UID: r.caller.UID, Until: s.Now().Add(offerGood).Unix(),
	})
	if err != nil {
		return "", err
	}
	sealed, err := s.Seal.Seal(offerLabel(r.name), clear)
	return base64.RawURLEncoding.EncodeToString(sealed), err
}

// openHandle takes a handle only from the caller it was given to, for the
// account it was made for, and in time.
func (s *Service) openHandle(r request, text string) (account.Offer, bool) {
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return account.Offer{}, false
	}
	clear, err := s.Seal.Open(offerLabel(r.name), sealed)
	if err != nil {
		return account.Offer{}, false
	}
	var h handle
	if err := cbor.Unmarshal(clear, &h); err != nil {
		return account.Offer{}, false
	}
	left := time.Unix(h.Until, 0).Sub(s.Now())
	secret, err := totp.SecretFromBytes(h.Secret)
	if err != nil || h.UID != r.caller.UID || left < 0 || left > offerGood {
		return account.Offer{}, false
	}
	return account.Offer{Secret: secret, Params: totp.DefaultParams(), Generation: account.Generation(h.Generation)}, true
}

func offerLabel(name string) seal.Label {
	return seal.Label{Purpose: purposeOffer, Realm: account.RealmHost, Name: name}
}
