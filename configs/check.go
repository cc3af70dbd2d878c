package configs

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
)

// Validate reports everything that is wrong with an experiment made or
// changed in Go, as an *Error. Load has done it already.
func (e Experiment) Validate() error { return e.ValidateFor() }

// ValidateFor is Validate for programs that use only some sections: two settings
// that contradict each other are a mistake only if both are in these sections.
// Without sections it checks all of them, as Validate does. A program that trains
// on its own images uses all sections but "data" and "sweep".
func (e Experiment) ValidateFor(sections ...string) error {
	var problems []Problem
	for _, f := range e.mistakes(sections...) {
		problems = append(problems, Problem{Message: f.String()})
	}
	return asError(problems)
}

// mistakes finds values that their settings do not accept. If there are none, it
// finds settings in the sections that contradict each other.
func (e *Experiment) mistakes(sections ...string) findings {
	var found findings
	for _, s := range newKeys().settings {
		if message := s.check(reflect.ValueOf(s.get(e))); message != "" {
			found.add(s.key, s.key, "%s", message)
		}
	}
	if len(found) > 0 {
		return found
	}
	return e.conflicts().within(sections)
}

// check returns what is wrong with a value of the setting's type, or "".
func (s *setting) check(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Int:
		return s.checkNumber(float64(v.Int()), fmt.Sprint(v.Int()))
	case reflect.Uint64:
		return s.checkNumber(float64(v.Uint()), fmt.Sprint(v.Uint()))
	case reflect.Float64:
		return s.checkNumber(v.Float(), number(v.Float()))
	case reflect.String:
		return s.checkText(v.String())
	case reflect.Struct:
		return checkOperation(v.Interface().(Operation))
	case reflect.Slice:
		return s.checkList(v)
	}
	return ""
}

func (s *setting) checkList(v reflect.Value) string {
	if message := s.checkLength(v.Len()); message != "" {
		return message
	}
	for i := range v.Len() {
		if message := s.check(v.Index(i)); message != "" {
			return message
		}
	}
	_, message := s.checkOrder(v.Interface())
	return message
}

func checkOperation(op Operation) string {
	if op.Kind == "" {
		return "an operation without kind"
	}
	finite := rule{min: -math.MaxFloat64, max: math.MaxFloat64}
	for name, x := range op.Ranges {
		if !finite.accepts(x) {
			return fmt.Sprintf("%s: %v is not a finite number", name, x)
		}
	}
	return ""
}

// finding is a message about the setting key, because of its own value or that of
// the setting other: that the two contradict each other, or that together they do
// something that the user may not want.
type finding struct{ key, other, message string }

func (f finding) String() string { return f.key + ": " + f.message }

type findings []finding

func (f *findings) add(key, other, format string, args ...any) {
	*f = append(*f, finding{key, other, fmt.Sprintf(format, args...)})
}

// within keeps the findings whose settings are both in the sections. Without
// sections it keeps all.
func (f findings) within(sections []string) findings {
	if len(sections) == 0 {
		return f
	}
	in := func(key string) bool {
		section, _, _ := strings.Cut(key, ".")
		return slices.Contains(sections, section)
	}
	return slices.DeleteFunc(f, func(f finding) bool { return !in(f.key) || !in(f.other) })
}

// conflicts finds settings whose values are accepted but contradict each other.
// mistakes checks the single values before.
func (e *Experiment) conflicts() findings {
	var found findings
	add := found.add
	e.checkBatch(add)
	e.checkData(add)
	e.checkModel(add)
	e.checkSchedule(add)
	e.checkCourse(add)
	e.checkOptimizer(add)
	e.checkBalance(add)
	e.checkCache(add)
	custom, operations := e.Augment.Recipe == "custom", len(e.Augment.Operations)
	switch {
	case custom && operations == 0:
		add("augment.operations", "augment.recipe", "the recipe custom has none: list at least one, as {kind: rotation, degrees: 10}")
	case !custom && operations > 0:
		add("augment.operations", "augment.recipe", "the recipe %s does not use them: set augment.recipe to custom, or augment.operations to []", e.Augment.Recipe)
	}
	if custom && len(e.Augment.Without) > 0 {
		add("augment.without", "augment.recipe", "the recipe custom has what augment.operations lists: take it out there")
	}
	if !e.Runtime.Device.trains(e.Runtime.Precision) {
		add("runtime.precision", "runtime.device", "%s is for runtime.device cuda: a CPU has no kernels for it", e.Runtime.Precision)
	}
	for _, name := range e.Sweep.Conditions {
		if e.condition(name) == nil {
			add("sweep.conditions", "sweep.definitions", "%s", e.unknownCondition(name))
		}
	}
	return found
}

func (e *Experiment) checkBatch(add func(key, other, format string, args ...any)) {
	t := e.Train
	if t.BatchSize%t.Replicas != 0 {
		add("train.replicas", "train.batch_size", "%d does not divide train.batch_size %d", t.Replicas, t.BatchSize)
		return
	}
	part := t.BatchSize / t.Replicas
	if t.MicroBatch != 0 && (t.MicroBatch%part != 0 || t.BatchSize%t.MicroBatch != 0) {
		add("train.micro_batch", "train.batch_size", "%d is not a multiple of %d (train.batch_size %d / train.replicas %d) that divides %d: set 0 to leave it to the device",
			t.MicroBatch, part, t.BatchSize, t.Replicas, t.BatchSize)
	}
}

// sourceClasses returns the number of classes of a source. It is 0 for folders and IDX
// files, where the data decides.
func sourceClasses(d Data) int {
	switch d.Source {
	case "synthetic", "cifar10":
		return 10
	case SourceMNIST:
		if d.Path == "" {
			return 10
		}
	case "cifar100":
		return 100
	}
	return 0
}

// settleClasses fills in the number of classes if the experiment leaves it open and every
// data set of the source has the same number.
func (e *Experiment) settleClasses() {
	if e.Model.Classes == 0 {
		e.Model.Classes = sourceClasses(e.Data)
	}
}

// TrainImages returns the number of training images of the experiment; 0 if only the data
// can tell, as for unlimited folders and IDX files.
func (e Experiment) TrainImages() int {
	all := 50_000 // of CIFAR-10, CIFAR-100 and the synthetic set
	if e.Data.Source == SourceMNIST {
		all = 60_000
	}
	switch limit := e.Data.Train; {
	case e.Data.opensCount():
		return limit
	case limit == 0:
		return all
	default:
		return min(limit, all)
	}
}

// opensCount reports whether the number of images is known only from the files.
func (d Data) opensCount() bool {
	return d.Source == "folder" || d.Source == SourceMNIST && d.Path != ""
}

func (e *Experiment) checkData(add func(key, other, format string, args ...any)) {
	d := e.Data
	if d.MultiLabel() && d.Source != "folder" {
		add("data.labels", "data.source", "%q does nothing, since data.source %s has classes of its own: it is for a folder", d.Labels, d.Source)
	} else if d.MultiLabel() && e.Train.Loss == LossCrossEntropy {
		add("data.labels", "train.loss", "images may have several classes, and train.loss %s is for one each: set it to %s", LossCrossEntropy, LossBinaryCrossEntropy)
	}
	if e.Model.Classes == 1 {
		add("model.classes", "model.classes", "a classifier needs at least 2 classes; 0 means as many as the data has")
	} else if classes := sourceClasses(d); classes > 0 && e.Model.Classes > 0 && e.Model.Classes != classes {
		add("model.classes", "data.source", "%d does not fit data.source %s, which has %d", e.Model.Classes, d.Source, classes)
	}
	if d.Size != 0 && !d.resizes() {
		add("data.size", "data.source", "%d does nothing, since %s images have a size of their own: only photographs and mnist are resized", d.Size, d.Source)
	}
	if d.Transform != TransformSquare && !d.Photographs() {
		add("data.transform", "data.source", "%s does nothing, since %s images have a size of their own: only a folder's are cut and resized", d.Transform, d.Source)
	}
	if d.Read == ReadMemory && d.Photographs() && e.Augment.Crops() {
		add("data.read", "augment.recipe", "memory keeps images of one size, but augment cuts them out of their originals: set data.read to stream or auto")
	}
	if d.Channels == 2 {
		add("data.channels", "data.channels", "2 is neither 1 (grey images) nor 3 (images in colour)")
	}
	if images := e.TrainImages(); images > 0 && e.Train.BatchSize > images {
		add("train.batch_size", "data.train", "%d is more than the %d training images: an epoch would have no steps", e.Train.BatchSize, images)
	}
	if d.Width != 0 && !d.resizes() {
		add("data.width", "data.source", "%d does nothing, since %s images have a size of their own: only photographs and mnist are resized", d.Width, d.Source)
	}
}
