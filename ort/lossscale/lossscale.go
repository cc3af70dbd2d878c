// Package lossscale keeps the small gradients of mixed precision within float16:
// the loss is multiplied before it is differentiated, by as much as the large ones
// allow.
package lossscale

// Scale is by how much the loss is multiplied. It is halved when gradients go
// beyond float16, and doubled after 2000 steps in which they did not: dynamic loss
// scaling (Micikevicius et al. 2018, section 3.2) with the numbers of PyTorch's
// GradScaler.
type Scale struct {
	Factor float64 `json:"factor"`
	// Steps is for how many the factor has been as it is.
	Steps int `json:"steps"`
	// Skipped counts the steps that were left out, as their gradients were not
	// finite.
	Skipped int `json:"skipped,omitempty"`
}

const (
	first = 1 << 16
	// least is a scale at which float16 holds gradients up to 2⁴⁰.
	least = 1.0 / (1 << 24)
	// growAfter is after how many steps the factor is doubled.
	growAfter = 2000
)

// New returns that of the first step: 65536.
func New() *Scale { return &Scale{Factor: first} }

// Lost tells that no smaller factor will do: the gradients are no numbers, and each
// step would be left out.
func (s *Scale) Lost() bool { return s.Factor < least }

// Update follows a step, of which it is told whether its gradients were finite.
func (s *Scale) Update(finite bool) {
	s.Steps++
	switch {
	case !finite:
		*s = Scale{Factor: s.Factor / 2, Skipped: s.Skipped + 1}
	case s.Steps == growAfter:
		*s = Scale{Factor: s.Factor * 2, Skipped: s.Skipped}
	}
}
