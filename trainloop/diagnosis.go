package trainloop

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"onnxlab/augment/batch"
	"onnxlab/configs"
	"onnxlab/dataset"
	"onnxlab/internal/keyed"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/artifact"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/ort/session"
	"onnxlab/trainloop/diagnose"
	"onnxlab/trainloop/rundir"
)

const (
	// mostDiagnosed is how many images at most are normalised together where gradients are
	// measured. Larger batches of training are divided: whole ones would take more memory, and
	// there would be few of them to compare.
	mostDiagnosed = 128
	// sharpnessShare is the share of the images on which the sharpness is measured, by
	// sharpnessProducts products of the Hessian. Each of these takes the gradients of all the
	// images once, and so does the place where the products are taken.
	sharpnessShare    = 4
	sharpnessProducts = 8
)

// prober takes gradients of an experiment's network at parameters of its choice, in a
// session of its own.
type prober struct {
	experiment configs.Experiment
	set        *dataset.Set
	features   *features // nil if the network takes images
	model      *onnxmodels.Gradients
	gradient   *session.Gradient
	size       int // images in a batch
}

// newProber returns a prober of the network, or of the upper part of one whose features are
// kept.
func newProber(e configs.Experiment, n *onnxmodels.Network, set *dataset.Set, f *features) (*prober, error) {
	p := &prober{experiment: e, set: set, features: f, size: diagnosedBatch(e)}
	e = withWeights(e, set)
	e.Train.BatchSize, e.Train.Replicas, e.Train.MicroBatch = p.size, 1, p.size
	e.Runtime.Precision = configs.Float32
	o := trainingOptions(e, e.Runtime.Device.Traits().Target)
	var err error
	if p.model, err = n.Gradients(o); err != nil {
		return nil, err
	}
	p.gradient, err = session.NewGradient(n, p.model, SessionOptions(e.Runtime))
	return p, err
}

func (p *prober) Close() error { return p.gradient.Close() }

// batches is how many batches have at least so many images together, and at least 2.
func (p *prober) batches(images int) int { return max((images+p.size-1)/p.size, 2) }

// probed is a batch of images as training would have it.
type probed struct {
	images         []uint8
	features       []float32
	labels, second []int64
	shares         []float32
	dropoutSeed    uint64
}

// draw makes count batches for the epoch: each is drawn from all training images, whatever
// the others have.
func (p *prober) draw(ctx context.Context, epoch, count int) ([]probed, error) {
	list := make([]probed, count)
	for i := range list {
		number := epoch*count + i
		list[i].dropoutSeed = dropoutSeed(p.seed(), number)
		if err := p.fill(ctx, &list[i], number); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// seed is for random numbers that are none of the training's own.
func (p *prober) seed() uint64 { return keyed.Mix(p.experiment.Seed ^ 0xd1a6) }

// fill draws the number-th batch.
func (p *prober) fill(ctx context.Context, b *probed, number int) error {
	e := p.experiment
	options := batch.LoaderOptions{
		Seed: p.seed(), BatchSize: p.size, Balance: e.Train.Balance == configs.BalanceSampling,
		Mixing: batch.Mixing{Mixup: e.Augment.Mixup, CutMix: e.Augment.CutMix}, Epoch: number, Prefetch: 1,
	}
	b.labels = make([]int64, p.size)
	if p.features != nil {
		n := p.features.upper.Features()
		b.features = make([]float32, 0, p.size*n)
		for i, image := range batch.Picks(p.set, options, uint64(number))[:p.size] {
			b.features = append(b.features, p.features.training[int(image)*n:][:n]...)
			b.labels[i] = int64(p.set.Label(int(image)))
		}
		return nil
	}
	var err error
	if options.Recipe, err = Recipe(e.Augment); err != nil {
		return err
	}
	loader, err := batch.NewLoader(p.set, options)
	if err != nil {
		return err
	}
	defer loader.Close()
	height, width := p.set.Size()
	b.images = make([]uint8, p.size*height*width*p.set.Channels())
	if !e.Augment.Mixes() {
		_, err = loader.Next(ctx, b.images, b.labels)
		return err
	}
	b.second, b.shares = make([]int64, p.size), make([]float32, p.size)
	_, err = loader.NextMixed(ctx, b.images, b.labels, b.second, b.shares)
	return err
}

// at takes the gradient of the batch.
func (p *prober) at(b probed) (loss float64, gradient []float32, err error) {
	images, features, labels, second, shares := p.gradient.Batch()
	copy(images, b.images)
	copy(features, b.features)
	copy(labels, b.labels)
	copy(second, b.second)
	copy(shares, b.shares)
	return p.gradient.Run(b.dropoutSeed)
}

// parts are the lengths of the trainable parameters in a gradient, and their names.
func (p *prober) parts() (lengths []int, names []string) {
	for _, v := range p.model.Parameters {
		if !v.Trainable {
			continue
		}
		n := 1
		for _, d := range v.Shape {
			n *= d
		}
		lengths, names = append(lengths, n), append(names, v.Name)
	}
	return lengths, names
}

// noise measures the gradient noise on the batches.
func (p *prober) noise(batches []probed) (diagnose.Noise, error) {
	lengths, _ := p.parts()
	return diagnose.MeasureNoise(func(i int) ([]float32, error) {
		_, gradient, err := p.at(batches[i])
		return gradient, err
	}, len(batches), p.size, lengths)
}

// sharpness measures the largest eigenvalue of the Hessian of the batches' mean loss.
func (p *prober) sharpness(batches []probed) (float64, error) {
	rng := rand.New(rand.NewPCG(p.seed(), 0))
	start := make([]float32, len(p.gradient.Parameters()))
	for i := range start {
		start[i] = float32(rng.NormFloat64())
	}
	return diagnose.Sharpness(&meanLoss{p, batches, make([]float32, len(start))}, start, sharpnessProducts)
}

// meanLoss is the mean loss of some batches.
type meanLoss struct {
	*prober
	batches []probed
	sum     []float32
}

// Parameters implements diagnose.Loss.
func (m *meanLoss) Parameters() []float32 { return m.gradient.Parameters() }

// Gradient implements diagnose.Loss.
func (m *meanLoss) Gradient() ([]float32, error) {
	clear(m.sum)
	for _, b := range m.batches {
		_, g, err := m.at(b)
		if err != nil {
			return nil, err
		}
		for i, x := range g {
			m.sum[i] += x / float32(len(m.batches))
		}
	}
	return m.sum, nil
}

// diagnosis is what a run measures of itself at the ends of some epochs. All of it is a
// function of the seed, the epoch and the parameters then; but whether there was time for it
// is not.
type diagnosis struct {
	prober *prober // nil before the first
	// due tells that the current epoch has one, and before are the parameters before its
	// last step.
	due    bool
	before *checkpoint.Checkpoint
	layers []rundir.Layer
	told   bool // that there is no time for any
}

// diagnosedBatch is how many images are normalised together where gradients are measured: as
// many as in training, but no more than the sharpness is measured on.
func diagnosedBatch(e configs.Experiment) int {
	return min(e.Train.BatchSize/e.Train.Replicas, mostDiagnosed, max(e.Diagnose.Images/sharpnessShare, 1))
}

// diagnosedImages is how many images' gradients a diagnosis takes.
func diagnosedImages(e configs.Experiment) int {
	few := max(e.Diagnose.Images/sharpnessShare/diagnosedBatch(e), 1) * diagnosedBatch(e)
	return e.Diagnose.Images + few*(sharpnessProducts+1)
}

// prepareDiagnosis decides, before the last step of an epoch, whether it has a diagnosis, and
// keeps the parameters of that moment if it has.
func (r *run) prepareDiagnosis() error {
	r.diagnosis.due = r.diagnosisDue()
	if !r.diagnosis.due {
		return nil
	}
	path, remove, err := temporary()
	if err != nil {
		return err
	}
	defer remove()
	if err := r.trainer.Save(path); err != nil {
		return err
	}
	r.diagnosis.before, err = checkpoint.Read(path)
	return err
}

// diagnosisDue tells whether the settings want a diagnosis of this epoch, and whether there is
// time for it.
func (r *run) diagnosisDue() bool {
	d := r.Experiment.Diagnose
	if d.Every == 0 || r.at.Epoch%d.Every != 0 {
		return false
	}
	b := budgetOf(r.history, r.at.Epoch, r.Experiment.Train)
	p := r.at.Partial
	b.elapsed += p.Seconds
	if b.cost == 0 {
		b.cost = p.Seconds / float64(p.Steps*r.Experiment.Train.BatchSize) * float64(diagnosedImages(r.Experiment))
	}
	if b.allows(d.TimeShare) {
		return true
	}
	if b.spent == 0 && !r.diagnosis.told {
		r.diagnosis.told = true
		r.note(fmt.Sprintf("diagnose.every: a measurement takes about %.2g s, more than diagnose.time_share %.3g of the run's %.2g s: there is none; set that to 1 to have them all, or diagnose.images to fewer",
			b.cost, d.TimeShare, b.total()))
	}
	return false
}

// budget is the time that diagnoses of a run may take.
type budget struct {
	elapsed float64 // seconds of the run without them
	spent   float64 // on them
	cost    float64 // of the next one, as far as is known
	// epochs of all are trained or nearly so.
	epochs, all int
	// even spreads them evenly over the run, which may end at any time.
	even bool
}

func budgetOf(history []rundir.Epoch, epoch int, t configs.Train) budget {
	b := budget{epochs: epoch + 1, all: t.Epochs, even: t.StopPatience > 0}
	for _, e := range history {
		b.elapsed += e.Seconds - e.Diagnosis.Seconds
		b.spent += e.Diagnosis.Seconds
		if e.Diagnosis.Measured() {
			b.cost = e.Diagnosis.Seconds
		}
	}
	return b
}

// total is what the run will take without diagnoses.
func (b budget) total() float64 { return b.elapsed / float64(b.epochs) * float64(b.all) }

// allows tells whether another diagnosis keeps within the share of the run's time, all
// together and for how far the run is. Early epochs, in which most changes, have more: after a
// quarter of the run half of the time may be spent.
func (b budget) allows(share float64) bool {
	if share == 1 {
		return true
	}
	done := float64(b.epochs) / float64(b.all)
	if !b.even {
		done = math.Sqrt(done)
	}
	most := share * b.total()
	return b.spent+b.cost <= most && b.spent <= most*done
}

// diagnose measures, at the end of the current epoch, what the settings ask for. The
// parameters are those after its last step. What cannot be measured, as gradients are not
// finite or memory is short, is told and left out: the run goes on without.
func (r *run) diagnose(ctx context.Context, path string) rundir.Diagnosis {
	d := &r.diagnosis
	if !d.due {
		return rundir.Diagnosis{}
	}
	d.due = false
	begun := time.Now()
	found, layers, err := r.measureDiagnosis(ctx, path)
	if err != nil {
		r.note(fmt.Sprintf("epoch %d has no diagnosis: %v", r.at.Epoch+1, explainMemory(err, r.Experiment)))
		return rundir.Diagnosis{}
	}
	d.layers = append(d.layers, layers...)
	found.Seconds = time.Since(begun).Seconds()
	return found
}

// measureDiagnosis measures all but the time.
func (r *run) measureDiagnosis(ctx context.Context, path string) (found rundir.Diagnosis, layers []rundir.Layer, err error) {
	d, e := &r.diagnosis, r.Experiment
	if d.prober == nil {
		if d.prober, err = newProber(e, trained(r.network, r.cut), r.Train, r.features); err != nil {
			return found, nil, err
		}
	}
	now, err := checkpoint.Read(path)
	if err != nil {
		return found, nil, err
	}
	if err := d.prober.gradient.Load(now); err != nil {
		return found, nil, err
	}
	batches, err := d.prober.draw(ctx, r.at.Epoch, d.prober.batches(e.Diagnose.Images))
	if err != nil {
		return found, nil, err
	}
	noise, err := d.prober.noise(batches)
	if err != nil {
		return found, nil, err
	}
	if !isFinite(noise.Variance) {
		return found, nil, errors.New("its gradients are not finite")
	}
	few := max(e.Diagnose.Images/sharpnessShare/d.prober.size, 1)
	if found.Sharpness, err = d.prober.sharpness(batches[:min(few, len(batches))]); err != nil {
		return found, nil, err
	}
	found.GradientNorm, found.GradientSquare = noise.Norm(), noise.Signal
	found.GradientVariance, found.NoiseScale = max(noise.Variance, 0), scaleOf(noise)
	if rate := r.schedule.Rate(r.at.Step - 1); hasLimit(e.Optimizer) && rate > 0 {
		found.StabilityLimit = diagnose.StabilityLimit(rate, e.Optimizer.Momentum, e.Optimizer.Nesterov)
	}
	found.UpdateNorm, found.UpdateRatio, layers = r.updates(now, noise)
	return found, layers, nil
}

// hasLimit tells whether there is one stability limit for all parameters: not where each
// layer, or even each parameter, has a rate of its own.
func hasLimit(o configs.Optimizer) bool {
	return o.Kind == configs.SGD && len(o.RateMultipliers) == 0
}

// scaleOf is the noise scale, 0 where it is not finite.
func scaleOf(n diagnose.Noise) float64 {
	if s := n.Scale(); isFinite(s) && s > 0 {
		return s
	}
	return 0
}

// updates compares the parameters after the epoch's last step with those before it.
func (r *run) updates(now *checkpoint.Checkpoint, noise diagnose.Noise) (norm, ratio float64, layers []rundir.Layer) {
	var moved, length float64
	_, names := r.diagnosis.prober.parts()
	for i, name := range names {
		l := rundir.Layer{Epoch: r.at.Epoch, Name: name, GradientNorm: noise.Parts[i].Norm(), NoiseScale: scaleOf(noise.Parts[i])}
		m, w := 0.0, 0.0
		before := r.diagnosis.before.Parameter(name).Data
		for k, x := range now.Parameter(name).Data {
			step := float64(x) - float64(before[k])
			m, w = m+step*step, w+float64(x)*float64(x)
		}
		moved, length = moved+m, length+w
		l.UpdateNorm, l.WeightNorm = math.Sqrt(m), math.Sqrt(w)
		l.UpdateRatio = over(l.UpdateNorm, l.WeightNorm)
		layers = append(layers, l)
	}
	return math.Sqrt(moved), over(math.Sqrt(moved), math.Sqrt(length)), layers
}

// over is a / b, 0 where b is.
func over(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

// temporary returns a path for a checkpoint that remove takes away again.
func temporary() (path string, remove func(), err error) {
	dir, err := os.MkdirTemp("", "onnxlab-diagnose-")
	if err != nil {
		return "", nil, err
	}
	return filepath.Join(dir, artifact.CheckpointFile), func() { _ = os.RemoveAll(dir) }, nil
}
