package diagnose

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// Loss is a function of parameters of which gradients can be taken.
type Loss interface {
	// Parameters is where the next gradient is taken. Who changes them puts them back.
	Parameters() []float32
	// Gradient returns the gradient there, which is valid until the next call. It is that of
	// the same function every time.
	Gradient() ([]float32, error)
}

// Sharpness estimates the largest eigenvalue of the loss's Hessian at its parameters, from
// so many products of the Hessian with vectors, at least 2, each for one gradient. It begins
// with the vector start, as long as the parameters and not all 0, which it overwrites; a
// random one will do.
//
// A product H·v is the difference of two gradients at places a small step apart along v.
// Power iteration multiplies a vector by H again and again. Lanczos's form of it, used here,
// looks at all vectors that come up and not at the last one alone: the same products then
// give the eigenvalue to more digits, and the largest one also where a negative one is larger
// in size. The estimate is never above the largest eigenvalue, but for rounding, and comes
// close to it in 5 to 10 products.
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
			break // the vectors so far hold all that start has to tell
		}
	}
	return largestEigenvalue(diagonal, beside)
}

// lanczos is the iteration under way. Only two of its vectors are kept: the largest
// eigenvalue does not need the others to stay orthogonal.
type lanczos struct {
	loss         Loss
	at           []float32 // the parameters
	gradient     []float32 // there
	vector, last []float32 // of length 1
	beta         float64   // between them
	apart        float64   // how far from each other gradients are taken
	product      []float32 // of the Hessian and the vector
}

// stepShare is how far apart the gradients of a difference are taken, as a share of the
// parameters' length. In networks with ReLU, units that switch on or off in between make
// gradients jump: over too short a way the few jumps that happen to be on it are all that is
// seen. On the network of configs/synthetic.yaml the estimates are the same for 0.001 to 0.003, twice as
// large at 0.0001, and smaller beyond 0.01, where the curvature changes on the way.
const stepShare = 2e-3

func newLanczos(loss Loss, start []float32) (*lanczos, error) {
	at := append([]float32(nil), loss.Parameters()...)
	length := math.Sqrt(square(start))
	if len(start) != len(at) || !(length > 0) || math.IsInf(length, 1) {
		return nil, fmt.Errorf("a first vector of %d numbers and length %v for %d parameters", len(start), length, len(at))
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

// multiply makes product the product of the Hessian and the vector.
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

// step multiplies once and returns the next entries of the tridiagonal matrix: on its
// diagonal and beside it.
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

// largestEigenvalue is that of a symmetric tridiagonal matrix.
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
		return 0, fmt.Errorf("measure sharpness: the eigenvalues of %v beside %v are not found", diagonal, beside)
	}
	return e.Values(nil)[n-1], nil
}

// StabilityLimit is the sharpness above which gradient descent of the rate, above 0, with
// momentum in [0, 1) does not stay in a valley but overshoots further with each step:
// 2(1 + μ)/rate. Nesterov's form has a lower one, 2(1 + μ)/((1 + 2μ)·rate). Both are in
// Cohen et al. 2021, appendix B.
func StabilityLimit(rate, momentum float64, nesterov bool) float64 {
	limit := 2 * (1 + momentum) / rate
	if nesterov {
		limit /= 1 + 2*momentum
	}
	return limit
}
