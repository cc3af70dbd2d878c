// Package lossscale chooses the loss scale of training in mixed precision. Small
// gradients become 0 in float16, so the loss is multiplied by a scale before it is
// differentiated: as large a scale as possible without overflow in the large
// gradients.
package lossscale

// Scale is a dynamic loss scale (Micikevicius et al. 2018, section 3.2) with the
// constants of PyTorch's GradScaler: it is halved when gradients overflow float16,
// and doubled after 2000 steps in a row in which they did not.
type Scale struct {
	Factor float64 `json:"factor"` // the loss is multiplied by it
	// Steps counts the steps since the factor last changed.
	Steps int `json:"steps"`
	// Skipped counts all steps that were skipped because their gradients
	// overflowed.
	Skipped int `json:"skipped,omitempty"`
}

const (
	first = 1 << 16
	// least is the smallest useful factor: with it, float16 holds gradients up to
	// 2⁴⁰.
	least = 1.0 / (1 << 24)
	// growAfter is the number of clean steps after which the factor is doubled.
	growAfter = 2000
)

// New returns the scale of the first step, with the factor 65536.
func New() *Scale { return &Scale{Factor: first} }

// Lost reports whether the factor has become so small that halving it further
// cannot help: the gradients themselves are not finite, and every step would be
// skipped.
func (s *Scale) Lost() bool { return s.Factor < least }

// Update is called after each step; finite says whether the step's gradients were
// finite. It halves the factor if they were not, and doubles it after 2000 steps in
// which they were.
func (s *Scale) Update(finite bool) {
	s.Steps++
	switch {
	case !finite:
		*s = Scale{Factor: s.Factor / 2, Skipped: s.Skipped + 1}
	case s.Steps == growAfter:
		*s = Scale{Factor: s.Factor * 2, Skipped: s.Skipped}
	}
}
