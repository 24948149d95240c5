package account

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/fxamacker/cbor/v2"

	"spse-totp/totp"
)

// recordFormat is the format written. Later formats read the earlier ones.
const recordFormat = 2

var (
	// ErrRecord: the bytes are no record of a format this program knows.
	ErrRecord = errors.New("not an account record")
	// ErrNewerRecord: the record was written by a newer version of spse-totp.
	ErrNewerRecord = errors.New("account record of a newer version of spse-totp")
)

// record is the account as it is written: deterministic CBOR (RFC 8949 §4.2.1)
// with small integers for keys. Times are Unix seconds, 0 for none.
type record struct {
	Format     uint64          `cbor:"0,keyasint"`
	Version    uint64          `cbor:"1,keyasint"`
	Generation uint64          `cbor:"2,keyasint"`
	WasActive  bool            `cbor:"3,keyasint,omitempty"`
	Disabled   bool            `cbor:"4,keyasint,omitempty"`
	AcceptedAt int64           `cbor:"5,keyasint,omitempty"`
	Run        uint32          `cbor:"6,keyasint,omitempty"`
	Month      uint32          `cbor:"7,keyasint,omitempty"`
	MonthStart int64           `cbor:"8,keyasint,omitempty"`
	Phone      *phoneRecord    `cbor:"9,keyasint,omitempty"`
	Refusals   []refusalRecord `cbor:"10,keyasint,omitempty"`

	// Since format 2:

	Recovery *recoveryRecord   `cbor:"11,keyasint,omitempty"`
	Issued   *issuedRecord     `cbor:"12,keyasint,omitempty"`
	Owners   []ownerRecord     `cbor:"13,keyasint,omitempty"`
	Happened []happeningRecord `cbor:"14,keyasint,omitempty"`
}

type phoneRecord struct {
	Secret    []byte `cbor:"0,keyasint"`
	Algorithm uint8  `cbor:"1,keyasint"`
	Digits    uint8  `cbor:"2,keyasint"`
	Period    uint16 `cbor:"3,keyasint"`
	Drift     int    `cbor:"4,keyasint,omitempty"`
	Spent     int64  `cbor:"5,keyasint"`
	NotedStep int64  `cbor:"6,keyasint,omitempty"`
	NotedFrom string `cbor:"7,keyasint,omitempty"`
}

type refusalRecord struct {
	Reason uint8  `cbor:"0,keyasint"`
	Source string `cbor:"1,keyasint"`
	Count  uint32 `cbor:"2,keyasint"`
	Last   int64  `cbor:"3,keyasint"`
	Told   uint32 `cbor:"4,keyasint,omitempty"` // since format 2
}

var (
	encoding = must(cbor.CoreDetEncOptions().EncMode())
	decoding = must(cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		MaxArrayElements:  16,
		MaxMapPairs:       32,
	}.DecMode())
)

func must[T any](mode T, err error) T {
	if err != nil {
		panic("account: internal error: " + err.Error())
	}
	return mode
}

// MarshalRecord writes the account as a record. The bytes hold the secret in
// clear: they go to the sealer and nowhere else.
func (a Account) MarshalRecord() ([]byte, error) { return a.marshal(recordFormat) }

func (a Account) marshal(format uint64) ([]byte, error) {
	r := record{
		Format:     format,
		Version:    a.Version,
		Generation: uint64(a.Generation),
		WasActive:  a.WasActive,
		Disabled:   a.Disabled,
		AcceptedAt: unix(a.AcceptedAt),
		Run:        a.Failures.Run,
		Month:      a.Failures.Month,
		MonthStart: unix(a.Failures.MonthStart),
	}
	if a.Active() {
		r.Phone = &phoneRecord{
			Secret:    a.Phone.Secret.Bytes(),
			Algorithm: uint8(a.Phone.Params.Algorithm),
			Digits:    uint8(a.Phone.Params.Digits),
			Period:    uint16(a.Phone.Params.Period / time.Second),
			Drift:     a.Phone.Drift,
			Spent:     int64(a.Phone.Spent),
			NotedStep: int64(a.Phone.Noted.Step),
			NotedFrom: string(a.Phone.Noted.Source),
		}
	}
	for _, row := range a.Refusals {
		r.Refusals = append(r.Refusals, refusalRecord{
			Reason: uint8(row.Reason), Source: string(row.Source), Count: row.Count, Last: unix(row.Last), Told: row.Told,
		})
	}
	r.addSince2(a)
	return encoding.Marshal(r)
}

// UnmarshalRecord reads a record, and takes only what MarshalRecord writes,
// byte for byte.
func UnmarshalRecord(b []byte) (Account, error) {
	var format struct {
		Format uint64 `cbor:"0,keyasint"`
	}
	if err := cbor.Unmarshal(b, &format); err != nil || format.Format == 0 {
		return Account{}, ErrRecord
	}
	if format.Format > recordFormat {
		return Account{}, fmt.Errorf("%w: format %d, this one knows %d", ErrNewerRecord, format.Format, recordFormat)
	}
	var r record
	if err := decoding.Unmarshal(b, &r); err != nil {
		return Account{}, ErrRecord // the decoder's own words may quote what it read
	}
	a, err := r.account()
	if err != nil {
		return Account{}, err
	}
	again, err := a.marshal(r.Format)
	if err != nil || !bytes.Equal(again, b) {
		return Account{}, ErrRecord
	}
	return a, nil
}

func (r record) account() (Account, error) {
	a := Account{
		Version:    r.Version,
		Generation: Generation(r.Generation),
		WasActive:  r.WasActive,
		Disabled:   r.Disabled,
		AcceptedAt: fromUnix(r.AcceptedAt),
		Failures:   Failures{Run: r.Run, Month: r.Month, MonthStart: fromUnix(r.MonthStart)},
	}
	if r.Phone != nil {
		phone, err := r.Phone.phone()
		if err != nil {
			return Account{}, err
		}
		a.Phone = phone
	}
	if len(r.Refusals) > maxRefusals {
		return Account{}, ErrRecord
	}
	for _, row := range r.Refusals {
		a.Refusals = append(a.Refusals, Refusal{
			Reason: Reason(row.Reason), Source: Source(row.Source), Count: row.Count, Last: fromUnix(row.Last), Told: row.Told,
		})
	}
	return r.since2(a)
}

func (r phoneRecord) phone() (Phone, error) {
	secret, err := totp.SecretFromBytes(r.Secret)
	if err != nil {
		return Phone{}, ErrRecord
	}
	params := totp.Params{
		Algorithm: totp.Algorithm(r.Algorithm),
		Digits:    int(r.Digits),
		Period:    time.Duration(r.Period) * time.Second,
	}
	if params.Validate() != nil || r.Drift < -farthest || r.Drift > farthest {
		return Phone{}, ErrRecord
	}
	return Phone{
		Secret: secret,
		Params: params,
		Drift:  r.Drift,
		Spent:  totp.Step(r.Spent),
		Noted:  Note{Step: totp.Step(r.NotedStep), Source: Source(r.NotedFrom)},
	}, nil
}

func unix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

func fromUnix(seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}
