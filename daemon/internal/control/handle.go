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
	// offerGood is how long a person has to scan, or to write down, and confirm.
	offerGood = 10 * time.Minute

	purposeOffer    = "offer"
	purposeRecovery = "recovery-offer"
)

// handle is an offer on its way through the caller's hands: sealed to the
// account, so that nothing need be kept while a person scans or writes. What of
// it is used depends on the offer.
type handle struct {
	UID        uint32 `cbor:"0,keyasint"`
	Until      int64  `cbor:"1,keyasint"` // Unix seconds
	Generation uint64 `cbor:"2,keyasint"`

	Secret []byte `cbor:"3,keyasint,omitempty"`
	By     uint8  `cbor:"4,keyasint,omitempty"`
	Issued []byte `cbor:"5,keyasint,omitempty"` // a salt

	Codes    []string `cbor:"6,keyasint,omitempty"`
	Salt     []byte   `cbor:"7,keyasint,omitempty"`
	Replaces []byte   `cbor:"8,keyasint,omitempty"` // a salt
	Asked    int      `cbor:"9,keyasint,omitempty"`
}

func (s *Service) sealOffer(r request, offer account.Offer) (string, error) {
	return s.sealHandle(r, purposeOffer, handle{
		Generation: uint64(offer.Generation), Secret: offer.Secret.Bytes(), By: uint8(offer.By), Issued: offer.Issued[:],
	})
}

func (s *Service) openOffer(r request, text string) (account.Offer, bool) {
	h, ok := s.openHandle(r, purposeOffer, text)
	secret, err := totp.SecretFromBytes(h.Secret)
	if !ok || err != nil {
		return account.Offer{}, false
	}
	offer := account.Offer{
		Secret: secret, Params: totp.DefaultParams(), Generation: account.Generation(h.Generation), By: account.Entitlement(h.By),
	}
	copy(offer.Issued[:], h.Issued)
	return offer, true
}

func (s *Service) sealRecovery(r request, offer account.RecoveryOffer) (string, error) {
	h := handle{Generation: uint64(offer.Generation), Salt: offer.Salt[:], Replaces: offer.Replaces[:], Asked: offer.Asked}
	for _, code := range offer.Codes {
		h.Codes = append(h.Codes, code.Reveal())
	}
	return s.sealHandle(r, purposeRecovery, h)
}

func (s *Service) openRecovery(r request, text string) (account.RecoveryOffer, bool) {
	h, ok := s.openHandle(r, purposeRecovery, text)
	offer := account.RecoveryOffer{Generation: account.Generation(h.Generation), Asked: h.Asked}
	copy(offer.Salt[:], h.Salt)
	copy(offer.Replaces[:], h.Replaces)
	for _, letters := range h.Codes {
		code, err := totp.ParseLongCode(totp.NewTyped(letters))
		if err != nil {
			return account.RecoveryOffer{}, false
		}
		offer.Codes = append(offer.Codes, code)
	}
	return offer, ok
}

func (s *Service) sealHandle(r request, purpose string, h handle) (string, error) {
	h.UID, h.Until = r.caller.UID, s.Now().Add(offerGood).Unix()
	clear, err := cbor.Marshal(h)
	if err != nil {
		return "", err
	}
	sealed, err := s.Seal.Seal(handleLabel(purpose, r.name), clear)
	return base64.RawURLEncoding.EncodeToString(sealed), err
}

// openHandle takes a handle only from the caller it was given to, for the
// purpose and the account it was made for, and in time.
func (s *Service) openHandle(r request, purpose, text string) (handle, bool) {
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return handle{}, false
	}
	clear, err := s.Seal.Open(handleLabel(purpose, r.name), sealed)
	if err != nil {
		return handle{}, false
	}
	var h handle
	if err := cbor.Unmarshal(clear, &h); err != nil {
		return handle{}, false
	}
	left := time.Unix(h.Until, 0).Sub(s.Now())
	return h, h.UID == r.caller.UID && left >= 0 && left <= offerGood
}

func handleLabel(purpose, name string) seal.Label {
	return seal.Label{Purpose: purpose, Realm: account.RealmHost, Name: name}
}
