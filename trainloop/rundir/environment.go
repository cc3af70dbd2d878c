package rundir

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"onnxlab/configs"
	"onnxlab/dataset"
	"onnxlab/internal/processor"
)

// Environment is environment.json: the software, the machine and the data of a run.
type Environment struct {
	// Toolkit is the version of onnxlab, or the revision that it was built from,
	// followed by "+modified" if the files differed from the revision.
	Toolkit string `json:"toolkit"`
	Go      string `json:"go"`
	// Platform is the operating system and the architecture, such as "linux/amd64".
	Platform string `json:"platform"`
	CPU      CPU    `json:"cpu"`
	// Threads is the number of threads of the arithmetic, Device the kind of hardware.
	Threads     int            `json:"threads"`
	Device      configs.Device `json:"device"`
	ONNXRuntime string         `json:"onnx_runtime"`
	Data        Data           `json:"data"`
	// Started is when the run first started, to the second.
	Started time.Time `json:"started"`
	// EarlierEpochs has the earlier values of train.epochs, if it was changed.
	EarlierEpochs []int `json:"earlier_epochs,omitempty"`
	// Model is the given ONNX model that is trained; nil for other kinds.
	Model *ModelFile `json:"model,omitempty"`
	// Network is the fingerprint of a network that a program supplies
	// (onnxmodels.Network.Fingerprint); empty for networks that config.yaml describes.
	Network string `json:"network,omitempty"`
	// From says where the initial parameters are from; nil if they were random.
	From *From `json:"from,omitempty"`
}

// ModelFile names a given model.
type ModelFile struct {
	// Path is the path of the ONNX file, as the user named it. SHA256 is the hash of this
	// file in hexadecimal digits; weights in other files are not part of it.
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
}

// From names the parameters that a run began with.
type From struct {
	// Path is the path from which they were read, as the user named it, and Place the
	// position in a run at which they were saved.
	Path  string `json:"path"`
	Place string `json:"place,omitempty"`
	// SHA256 is the hash of all the parameters, in hexadecimal digits
	// (warmstart.Source.SHA256).
	SHA256 string `json:"sha256"`
	// New names the parameters that were initialised instead: those of the classifier,
	// if the classes differ.
	New []string `json:"new,omitempty"`
}

// String names the parameters in messages. For nil, which means random parameters, it is
// "nothing".
func (f *From) String() string {
	if f == nil {
		return "nothing"
	}
	text := fmt.Sprintf("%q", f.Path)
	if f.Place != "" {
		text += " (" + f.Place + ")"
	}
	text = fmt.Sprintf("%s with SHA-256 %.12s", text, f.SHA256)
	if len(f.New) > 0 {
		text += " but " + strings.Join(f.New, " and ")
	}
	return text
}

// CPU is the machine's processor.
type CPU struct {
	// Model is empty if the system does not say.
	Model string `json:"model"`
	// Cores is the number of logical processors that the process may use.
	Cores int `json:"cores"`
	// Kernels is the instruction set of onnxlab's kernels if they compute the steps (see
	// session.Kernels), or empty if ONNX Runtime's own operators do.
	Kernels string `json:"kernels,omitempty"`
}

// Data describes the images.
type Data struct {
	Source string `json:"source"`
	// Hash is the SHA-256 of the images and labels, in hexadecimal digits.
	Hash string `json:"hash"`
	// Train and Validation are the numbers of images.
	Train      int `json:"train"`
	Validation int `json:"validation"`
	// Height and Width are the size of every image in pixels. Classes has the names of
	// the classes in the order of their labels.
	Height int `json:"height"`
	Width  int `json:"width"`
	// Channels is 1 for grey images, else 3. It is 0 for runs of versions that did not
	// write it.
	Channels int      `json:"channels"`
	Classes  []string `json:"classes"`
	// Decoder is what decoded JPEG images, with its version; empty if there are none.
	Decoder string `json:"decoder,omitempty"`
	// Skipped lists files that were left out because they could not be read.
	Skipped []dataset.SkippedFile `json:"skipped,omitempty"`
}

// Collect returns an Environment with Toolkit, Go, Platform, CPU and, as Started, the
// present time. The caller fills in the rest. For privacy, it contains neither the name
// of the machine nor that of the user.
func Collect() Environment {
	return Environment{
		Toolkit:  Toolkit(),
		Go:       runtime.Version(),
		Platform: runtime.GOOS + "/" + runtime.GOARCH,
		CPU:      CPU{Model: processor.Model(), Cores: runtime.NumCPU()},
		Started:  time.Now().UTC().Truncate(time.Second),
	}
}

// Toolkit returns the module's version, as in [Environment]. It is never empty. For a build
// in a checkout, it is the revision, or since Go 1.24 a pseudo-version with the revision
// and, if files differ from it, "+dirty". For a build without version control it is
// "(devel)".
func Toolkit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return cmp.Or(toolkitOf(info), "unknown")
}

// module is the path of this module. Other programs may depend on it.
const module = "onnxlab"

func toolkitOf(info *debug.BuildInfo) string {
	for _, dependency := range info.Deps {
		if dependency.Path == module {
			return dependency.Version
		}
	}
	version, revision := info.Main.Version, ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			revision += "+modified"
		}
	}
	if (version == "" || version == "(devel)") && revision != "" {
		return revision
	}
	return version
}

// WriteEnvironment writes environment.json into the run directory dir.
func WriteEnvironment(dir string, e Environment) error {
	return writeJSON(Layout{dir}.Environment(), e)
}

// ReadEnvironment reads environment.json of the run directory dir.
func ReadEnvironment(dir string) (Environment, error) {
	return readJSON[Environment](Layout{dir}.Environment())
}
