package diagnose

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// Loss is a differentiable function of parameters.
type Loss interface {
	// Parameters returns the parameters at which Gradient is computed. The caller may
	// change them, and has to restore them afterwards.
	Parameters() []float32
	// Gradient returns the gradient at the parameters. It is valid until the next call.
	// Every call must differentiate the same function.
	Gradient() ([]float32, error)
}

// Sharpness estimates the largest eigenvalue of the loss's Hessian at its parameters from
// the given number of Hessian-vector products, at least 2. Each product costs one gradient.
// The iteration starts from the vector start, which must be as long as the parameters and
// not all 0; a random vector will do. Sharpness overwrites it.
//
// A product H·v is computed as the difference of two gradients at points a small step apart
// along v. Power iteration multiplies a vector by H again and again and uses only the last
// result. The Lanczos method, used here, uses all of them: with the same number of products
// it is more accurate, and it finds the largest eigenvalue even if a negative one has a
// larger magnitude. Except for rounding, the estimate is never above the largest
// eigenvalue. It comes close to it after 5 to 10 products.
func Sharpness(loss Loss, start []float32, products int) (float64, error) {
	l, err := newLanczos(loss, start)
	if err != nil {
		return 0, fmt.Errorf("measure sharpness: %w", err)
	}
	defer copy(loss.Parameters(), l.at)
	var diagonal, beside []float64
	for range products {
		alpha, beta, err := l.step()
		if err != nil {
			return 0, fmt.Errorf("measure sharpness: %w", err)
		}
		diagonal, beside = append(diagonal, alpha), append(beside, beta)
		if beta <= 1e-6*math.Abs(alpha) || beta == 0 {
			break // the vectors so far span an invariant subspace: further ones add nothing
		}
	}
	return largestEigenvalue(diagonal, beside)
}

// lanczos is the state of the iteration. It keeps only two of the vectors: to find the
// largest eigenvalue, the others need not stay orthogonal.
type lanczos struct {
	loss         Loss
	at           []float32 // the original parameters
	gradient     []float32 // at the original parameters
	vector, last []float32 // the current and the previous Lanczos vector, of length 1
	beta         float64   // the entry of the matrix between the two
	apart        float64   // the distance between the points of a difference
	product      []float32 // the Hessian times the current vector
}

// stepShare is the distance between the two points of a difference, relative to the norm of
// the parameters. In networks with ReLU, units that switch on or off between the points
// make the gradient jump. If the distance is too small, the result depends on the few jumps
// that happen to lie in between. On the network of configs/synthetic.yaml the estimates are
// the same for 0.001 to 0.003, twice as large at 0.0001, and smaller beyond 0.01, where the
// curvature changes along the way.
const stepShare = 2e-3

func newLanczos(loss Loss, start []float32) (*lanczos, error) {
	at := append([]float32(nil), loss.Parameters()...)
	length := math.Sqrt(square(start))
	if len(start) != len(at) || !(length > 0) || math.IsInf(length, 1) {
		return nil, fmt.Errorf("the start vector has %d elements and norm %v; want %d elements and a finite norm above 0", len(start), length, len(at))
	}
	for i := range start {
		start[i] = float32(float64(start[i]) / length)
	}
	g, err := loss.Gradient()
	if err != nil {
		return nil, err
	}
	return &lanczos{
		loss: loss, at: at, gradient: append([]float32(nil), g...), vector: start, last: make([]float32, len(at)),
		apart: stepShare * max(math.Sqrt(square(at)), 1), product: make([]float32, len(at)),
	}, nil
}

// multiply sets product to the Hessian times the current vector.
func (l *lanczos) multiply() error {
	p := l.loss.Parameters()
	for i, x := range l.at {
		p[i] = float32(float64(x) + l.apart*float64(l.vector[i]))
	}
	g, err := l.loss.Gradient()
	if err != nil {
		return err
	}
	for i := range g {
		l.product[i] = float32((float64(g[i]) - float64(l.gradient[i])) / l.apart)
	}
	return nil
}

// step does one iteration and returns the next entries of the tridiagonal matrix: alpha on
// its diagonal, beta beside it.
func (l *lanczos) step() (alpha, beta float64, err error) {
	if err := l.multiply(); err != nil {
		return 0, 0, err
	}
	for i, x := range l.product {
		alpha += float64(x) * float64(l.vector[i])
	}
	for i, x := range l.product {
		l.last[i] = float32(float64(x) - alpha*float64(l.vector[i]) - l.beta*float64(l.last[i]))
	}
	l.vector, l.last = l.last, l.vector
	beta = math.Sqrt(square(l.vector))
	if math.IsNaN(alpha+beta) || math.IsInf(alpha+beta, 0) {
		return 0, 0, errors.New("a gradient is not finite")
	}
	for i, x := range l.vector {
		l.vector[i] = float32(float64(x) / max(beta, math.SmallestNonzeroFloat32))
	}
	l.beta = beta
	return alpha, beta, nil
}

// largestEigenvalue returns the largest eigenvalue of a symmetric tridiagonal matrix.
func largestEigenvalue(diagonal, beside []float64) (float64, error) {
	n := len(diagonal)
	m := mat.NewSymDense(n, nil)
	for i, x := range diagonal {
		m.SetSym(i, i, x)
		if i+1 < n {
			m.SetSym(i, i+1, beside[i])
		}
	}
	var e mat.EigenSym
	if !e.Factorize(m, false) {
		return 0, fmt.Errorf("measure sharpness: no eigenvalues found for the matrix with diagonal %v and off-diagonal %v", diagonal, beside)
	}
	return e.Values(nil)[n-1], nil
}

// StabilityLimit returns the sharpness above which gradient descent with this learning
// rate, above 0, and momentum in [0, 1) diverges instead of staying in a valley: 2(1 +
// μ)/rate. With Nesterov's momentum it is lower, 2(1 + μ)/((1 + 2μ)·rate). Both are in
// Cohen et al. 2021, appendix B.
func StabilityLimit(rate, momentum float64, nesterov bool) float64 {
	limit := 2 * (1 + momentum) / rate
	if nesterov {
		limit /= 1 + 2*momentum
	}
	return limit
}
