package store

import (
	"time"

	"spse-totp/daemon/internal/account"
)

// Unwatched is a Watch for who looks at errors alone: whatever fails is returned
// as one as well.
type Unwatched struct{}

var _ Watch = Unwatched{}

func (Unwatched) Made()                      {}
func (Unwatched) Failed(error)               {}
func (Unwatched) Healed()                    {}
func (Unwatched) Tampered(account.ID, error) {}
func (Unwatched) ClockBehind(time.Duration)  {}
func (Unwatched) ClockRight()                {}
