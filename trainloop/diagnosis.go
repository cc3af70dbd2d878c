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
	// maxDiagnosedBatch is the largest number of images that are normalised together when
	// gradients are measured. Larger training batches are divided: whole ones would take
	// more memory, and there would be too few of them to compare.
	maxDiagnosedBatch = 128
	// The sharpness is measured on 1/sharpnessShare of the images, with sharpnessProducts
	// Hessian-vector products. Each of them takes the gradient of all these images once;
	// one more is taken at the original parameters.
	sharpnessShare    = 4
	sharpnessProducts = 8
)

// prober computes gradients of an experiment's network at any parameters, in its own
// session.
type prober struct {
	experiment configs.Experiment
	set        *dataset.Set
	features   *features // nil if the network takes images
	model      *onnxmodels.Gradients
	gradient   *session.Gradient
	size       int // images in a batch
}

// newProber returns a prober for the network or, with cached features, for its upper part.
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

// batches returns the number of batches, at least 2, that have at least this many images
// together.
func (p *prober) batches(images int) int { return max((images+p.size-1)/p.size, 2) }

// probed is a batch of images, prepared as for training.
type probed struct {
	images         []uint8
	features       []float32
	labels, second []int64
	shares         []float32
	dropoutSeed    uint64
}

// draw makes count batches for the epoch. They are independent: each is drawn from all
// training images.
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

// seed returns the seed of the prober's random numbers, which training does not use.
func (p *prober) seed() uint64 { return keyed.Mix(p.experiment.Seed ^ 0xd1a6) }

// fill draws the batch with this number.
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

// at returns the loss and the gradient of the batch.
func (p *prober) at(b probed) (loss float64, gradient []float32, err error) {
	images, features, labels, second, shares := p.gradient.Batch()
	copy(images, b.images)
	copy(features, b.features)
	copy(labels, b.labels)
	copy(second, b.second)
	copy(shares, b.shares)
	return p.gradient.Run(b.dropoutSeed)
}

// parts returns the lengths and the names of the trainable parameters, in the order of the
// gradient.
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

// diagnosis has what a run measures of itself at the end of some epochs. Every measured
// value depends only on the seed, the epoch and the parameters; whether there was time to
// measure depends on the clock.
type diagnosis struct {
	prober *prober // nil before the first diagnosis
	// due reports whether the current epoch ends with a diagnosis. before has the
	// parameters before the last step of that epoch.
	due    bool
	before *checkpoint.Checkpoint
	layers []rundir.Layer
	warned bool // that there is no time for any diagnosis
}

// diagnosedBatch returns the number of images that are normalised together when gradients
// are measured: as many as in training, but not more than the sharpness is measured on.
func diagnosedBatch(e configs.Experiment) int {
	return min(e.Train.BatchSize/e.Train.Replicas, maxDiagnosedBatch, max(e.Diagnose.Images/sharpnessShare, 1))
}

// diagnosedImages returns how many gradients of single images a diagnosis costs.
func diagnosedImages(e configs.Experiment) int {
	few := max(e.Diagnose.Images/sharpnessShare/diagnosedBatch(e), 1) * diagnosedBatch(e)
	return e.Diagnose.Images + few*(sharpnessProducts+1)
}

// prepareDiagnosis decides, before the last step of an epoch, whether the epoch ends with a
// diagnosis. If so, it keeps the current parameters.
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

// diagnosisDue reports whether the settings ask for a diagnosis of this epoch and there is
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
	if b.spent == 0 && !r.diagnosis.warned {
		r.diagnosis.warned = true
		r.note(fmt.Sprintf("diagnose.every: the run has no time for a diagnosis: one takes about %.2g s, more than the share diagnose.time_share %.3g of the run's %.2g s; set diagnose.time_share to 1 to have all diagnoses, or lower diagnose.images",
			b.cost, d.TimeShare, b.total()))
	}
	return false
}

// budget decides how much time a run may spend on diagnoses.
type budget struct {
	elapsed float64 // seconds of the run, without diagnoses
	spent   float64 // seconds of the diagnoses so far
	cost    float64 // estimated seconds of the next diagnosis
	// epochs is the number of epochs that are finished, or will be after one more step, out
	// of all.
	epochs, all int
	// even spreads the diagnoses evenly over the run, because it may stop early.
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

// total estimates how long the whole run takes without diagnoses.
func (b budget) total() float64 { return b.elapsed / float64(b.epochs) * float64(b.all) }

// allows reports whether there is time for another diagnosis: all diagnoses together must
// stay within the share of the run's time, and within a limit that grows as the run
// proceeds. Most changes happen in early epochs, so these get more: half of the time may be
// spent in the first quarter of the run.
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

// diagnose measures, at the end of the current epoch, what the settings ask for. path is a
// checkpoint with the parameters after the epoch's last step. If measuring fails because
// gradients are not finite or memory is short, diagnose reports it, and the run goes on
// without this diagnosis.
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

// measureDiagnosis measures everything except the time that it takes.
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

// hasLimit reports whether the optimizer has one stability limit for all parameters. It has
// none if layers or single parameters have their own rates.
func hasLimit(o configs.Optimizer) bool {
	return o.Kind == configs.SGD && len(o.RateMultipliers) == 0
}

// scaleOf returns the noise scale, or 0 if it is not finite.
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
		l.UpdateRatio = ratioOf(l.UpdateNorm, l.WeightNorm)
		layers = append(layers, l)
	}
	return math.Sqrt(moved), ratioOf(math.Sqrt(moved), math.Sqrt(length)), layers
}

// ratioOf returns a / b, or 0 if b is 0.
func ratioOf(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

// temporary returns a path for a temporary checkpoint. The caller calls remove when it is
// no longer needed.
func temporary() (path string, remove func(), err error) {
	dir, err := os.MkdirTemp("", "onnxlab-diagnose-")
	if err != nil {
		return "", nil, err
	}
	return filepath.Join(dir, artifact.CheckpointFile), func() { _ = os.RemoveAll(dir) }, nil
}
