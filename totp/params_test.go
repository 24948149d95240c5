package totp

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// drawParams draws valid parameters.
func drawParams(t *rapid.T) Params {
	return Params{
		Algorithm: rapid.SampledFrom([]Algorithm{SHA1, SHA256, SHA512}).Draw(t, "algorithm"),
		Digits:    rapid.SampledFrom([]int{6, 8}).Draw(t, "digits"),
		Period:    rapid.SampledFrom([]time.Duration{30 * time.Second, 60 * time.Second}).Draw(t, "period"),
	}
}

// invalidParams are refused everywhere.
var invalidParams = map[string]Params{
	"zero value":        {},
	"no algorithm":      {0, 6, 30 * time.Second},
	"unknown algorithm": {4, 6, 30 * time.Second},
	"highest algorithm": {255, 6, 30 * time.Second},
	"no digits":         {SHA1, 0, 30 * time.Second},
	"negative digits":   {SHA1, -6, 30 * time.Second},
	"7 digits":          {SHA1, 7, 30 * time.Second},
	"10 digits":         {SHA1, 10, 30 * time.Second},
	"no period":         {SHA1, 6, 0},
	"negative period":   {SHA1, 6, -30 * time.Second},
	"bare seconds":      {SHA1, 6, 30},
	"29 s":              {SHA1, 6, 29 * time.Second},
	"30.5 s":            {SHA1, 6, 30*time.Second + 500*time.Millisecond},
	"an hour":           {SHA1, 6, time.Hour},
}

func TestParamsValidate(t *testing.T) {
	for name, params := range invalidParams {
		if err := params.Validate(); !errors.Is(err, ErrParams) {
			t.Errorf("%s: %v, want ErrParams", name, err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		if params := drawParams(t); params.Validate() != nil {
			t.Fatalf("%+v is refused", params)
		}
	})
	if got, want := DefaultParams(), (Params{SHA1, 6, 30 * time.Second}); got != want || got.Validate() != nil {
		t.Errorf("default parameters are %+v", got)
	}
}

func TestAlgorithmString(t *testing.T) {
	want := map[Algorithm]string{0: "invalid", 1: "SHA1", 2: "SHA256", 3: "SHA512", 4: "invalid", 255: "invalid"}
	for algorithm, name := range want {
		if got := algorithm.String(); got != name {
			t.Errorf("algorithm %d is called %q, want %q", uint8(algorithm), got, name)
		}
	}
}

func TestStepAt(t *testing.T) {
	tests := map[string]struct {
		at     time.Time
		period time.Duration
		want   Step
	}{
		"1970":                       {time.Unix(0, 0), 30 * time.Second, 0},
		"last of step 0":             {time.Unix(29, 999_999_999), 30 * time.Second, 0},
		"first of step 1":            {time.Unix(30, 0), 30 * time.Second, 1},
		"RFC 6238 appendix B":        {time.Unix(1111111109, 0), 30 * time.Second, 0x23523EC},
		"beyond 2106":                {time.Unix(20000000000, 0), 30 * time.Second, 0x27BC86AA},
		"60 s":                       {time.Unix(119, 0), 60 * time.Second, 1},
		"a nanosecond before 1970":   {time.Unix(0, -1), 30 * time.Second, -1},
		"30 s before 1970":           {time.Unix(-30, 0), 30 * time.Second, -1},
		"30 s and a bit before 1970": {time.Unix(-30, -1), 30 * time.Second, -2},
		"another zone":               {time.Unix(60, 0).In(time.FixedZone("WIB", 7*3600)), 30 * time.Second, 2},
		"zero time":                  {time.Time{}, 30 * time.Second, -2071186560},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			params := Params{SHA1, 6, test.period}
			if got := params.StepAt(test.at); got != test.want {
				t.Errorf("step %d, want %d", got, test.want)
			}
		})
	}
}

func TestTimeOfIsTheBeginOfAStep(t *testing.T) {
	if got, want := DefaultParams().TimeOf(2), time.Date(1970, 1, 1, 0, 1, 0, 0, time.UTC); !got.Equal(want) || got.Location() != time.UTC {
		t.Errorf("step 2 begins at %v, want %v", got, want)
	}
	rapid.Check(t, func(t *rapid.T) {
		params := drawParams(t)
		// From the year -1200 to 5100.
		at := time.Unix(rapid.Int64Range(-1e11, 1e11).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanoseconds"))
		step := params.StepAt(at)
		begin := params.TimeOf(step)
		if begin.After(at) || !at.Before(begin.Add(params.Period)) {
			t.Fatalf("%v is not in step %d, which begins at %v", at, step, begin)
		}
		if params.StepAt(begin) != step || params.StepAt(begin.Add(-1)) != step-1 {
			t.Fatalf("step %d does not begin at %v", step, begin)
		}
	})
}

func TestInvalidParamsHaveNoStepWithACode(t *testing.T) {
	for name, params := range invalidParams {
		if got := params.StepAt(time.Unix(1111111109, 0)); got >= 0 {
			t.Errorf("%s: step %d", name, got)
		}
		if got := params.TimeOf(1); !got.IsZero() {
			t.Errorf("%s: step 1 begins at %v", name, got)
		}
	}
}
