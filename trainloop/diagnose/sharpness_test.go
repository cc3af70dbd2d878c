package diagnose

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// quadratic is the loss ½ Σ λᵢ(wᵢ − cᵢ)². The eigenvalues of its Hessian are λ.
type quadratic struct {
	w, eigenvalues, center []float32
	gradients              int
	err                    error
}

func (q *quadratic) Parameters() []float32 { return q.w }

func (q *quadratic) Gradient() ([]float32, error) {
	q.gradients++
	g := make([]float32, len(q.w))
	for i := range g {
		g[i] = q.eigenvalues[i] * (q.w[i] - q.center[i])
	}
	return g, q.err
}

func normal(n int, seed uint64) []float32 {
	rng := rand.New(rand.NewPCG(seed, 0))
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(rng.NormFloat64())
	}
	return v
}

// TestSharpnessOfAQuadratic checks that, with as many products as there are different
// eigenvalues, the result is exact even if there is a negative eigenvalue of larger
// magnitude. It also checks that the parameters are restored, and that each product takes
// one gradient.
func TestSharpnessOfAQuadratic(t *testing.T) {
	q := &quadratic{w: normal(60, 1), eigenvalues: make([]float32, 60), center: normal(60, 2)}
	for i := range q.eigenvalues {
		q.eigenvalues[i] = []float32{0, 0.5, 2, 7, -30}[i%5]
	}
	before := slices.Clone(q.w)
	got, err := Sharpness(q, normal(60, 3), 5)
	if err != nil || math.Abs(got-7) > 0.01 {
		t.Errorf("sharpness %v, want 7 (%v)", got, err)
	}
	if q.gradients != 6 {
		t.Errorf("%d gradients for 5 products, want 6", q.gradients)
	}
	if !slices.Equal(q.w, before) {
		t.Error("the parameters have moved")
	}
	// Further products find nothing new.
	if got, err := Sharpness(q, normal(60, 4), 30); err != nil || math.Abs(got-7) > 0.01 {
		t.Errorf("after 30 products %v, want 7 (%v)", got, err)
	}
}

// TestSharpnessComesClose uses eigenvalues like those of networks: a few large ones and
// many small ones. After a few products, the estimate is below the largest eigenvalue and
// close to it.
func TestSharpnessComesClose(t *testing.T) {
	const n = 5000
	for seed := range uint64(10) {
		q := &quadratic{w: normal(n, seed), eigenvalues: normal(n, 100+seed), center: normal(n, 200+seed)}
		for i := range 9 {
			q.eigenvalues[i] = float32(20 + 10*i) // to 100
		}
		got, err := Sharpness(q, normal(n, 300+seed), 8)
		if err != nil || got > 100.1 || got < 97 {
			t.Errorf("sharpness %v, want 97..100 (%v)", got, err)
		}
	}
}

// regression is the loss of a linear model, the mean of ½(x·w − y)² over examples. Its
// Hessian is XᵀX/n everywhere.
type regression struct {
	x *mat.Dense
	y []float64
	w []float32
}

func (r *regression) Parameters() []float32 { return r.w }

func (r *regression) Gradient() ([]float32, error) {
	n, d := r.x.Dims()
	g := make([]float32, d)
	for i := range n {
		residual := -r.y[i]
		for k := range d {
			residual += r.x.At(i, k) * float64(r.w[k])
		}
		for k := range d {
			g[k] += float32(residual * r.x.At(i, k) / float64(n))
		}
	}
	return g, nil
}

func TestSharpnessOfALinearModel(t *testing.T) {
	const n, d = 50, 12
	rng := rand.New(rand.NewPCG(7, 7))
	x, y := mat.NewDense(n, d, nil), make([]float64, n)
	for i := range n {
		y[i] = rng.NormFloat64()
		for k := range d {
			x.Set(i, k, rng.NormFloat64()*float64(1+k)+0.5)
		}
	}
	var hessian mat.SymDense
	hessian.SymOuterK(1.0/n, x.T())
	var e mat.EigenSym
	if !e.Factorize(&hessian, false) {
		t.Fatal("no eigenvalues")
	}
	want := slices.Max(e.Values(nil))
	got, err := Sharpness(&regression{x, y, normal(d, 1)}, normal(d, 2), d)
	if err != nil || math.Abs(got-want) > 1e-3*want {
		t.Errorf("sharpness %v, want %v (%v)", got, want, err)
	}
}

func TestSharpnessFaults(t *testing.T) {
	q := &quadratic{w: normal(3, 1), eigenvalues: normal(3, 2), center: normal(3, 3)}
	for _, start := range [][]float32{{1, 2}, {0, 0, 0}, {float32(math.NaN()), 0, 0}} {
		if _, err := Sharpness(q, start, 4); err == nil || !strings.Contains(err.Error(), "start vector has") {
			t.Errorf("start vector %v: %v", start, err)
		}
	}
	before := slices.Clone(q.w)
	q.eigenvalues[0] = float32(math.Inf(1))
	if _, err := Sharpness(q, normal(3, 4), 4); err == nil || !strings.Contains(err.Error(), "not finite") {
		t.Errorf("an infinite eigenvalue: %v", err)
	}
	q.err = errors.New("broken")
	if _, err := Sharpness(q, normal(3, 4), 4); !errors.Is(err, q.err) {
		t.Errorf("a gradient that fails: %v", err)
	}
	if !slices.Equal(q.w, before) {
		t.Error("the parameters have moved")
	}
}

// TestStabilityLimit does steps of momentum SGD on a parabola whose curvature is a little
// below the limit, where they must converge, and a little above, where they must diverge.
func TestStabilityLimit(t *testing.T) {
	const rate = 0.05
	for _, momentum := range []float64{0, 0.5, 0.9, 0.99} {
		for _, nesterov := range []bool{false, true} {
			if nesterov && momentum == 0 {
				continue // another name for the same steps
			}
			limit := StabilityLimit(rate, momentum, nesterov)
			if below, above := distance(0.99*limit, rate, momentum, nesterov), distance(1.01*limit, rate, momentum, nesterov); below > 1e-3 || above < 1e3 {
				t.Errorf("momentum %v, Nesterov %t: 1 became %v below the limit %v and %v above", momentum, nesterov, below, limit, above)
			}
		}
	}
}

// distance returns the distance from the minimum of a parabola after many steps that begin
// at 1.
func distance(curvature, rate, momentum float64, nesterov bool) float64 {
	w, v := 1.0, 0.0
	for range 10000 {
		g := curvature * w
		v = momentum*v - rate*g
		if nesterov {
			w += momentum*v - rate*g
		} else {
			w += v
		}
	}
	return math.Abs(w)
}
