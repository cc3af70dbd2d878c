package rundir

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"onnxlab/dataset"
)

// Environment is environment.json: what a run ran on, and on what data.
type Environment struct {
	// Toolkit is onnxlab's version, or the revision that it was built from,
	// with "+modified" when the files differed from it.
	Toolkit string `json:"toolkit"`
	Go      string `json:"go"`
	// Platform is the operating system and the architecture, as "linux/amd64".
	Platform string `json:"platform"`
	CPU      CPU    `json:"cpu"`
	// Threads is how many the arithmetic used, Device "cpu" or "cuda".
	Threads     int    `json:"threads"`
	Device      string `json:"device"`
	ONNXRuntime string `json:"onnx_runtime"`
	Data        Data   `json:"data"`
	// Started is when the run first started, to the second.
	Started time.Time `json:"started"`
	// EarlierEpochs are the values of train.epochs that the run had before the one
	// in config.yaml.
	EarlierEpochs []int `json:"earlier_epochs,omitempty"`
	// Model is the model from outside that is trained; nil of other kinds.
	Model *ModelFile `json:"model,omitempty"`
	// Network is the fingerprint of a network that a program gave
	// (onnxmodels.Network.Fingerprint); empty of those that config.yaml describes.
	Network string `json:"network,omitempty"`
	// From is whose parameters the run began with; nil if they were random.
	From *From `json:"from,omitempty"`
}

// ModelFile names a model from outside.
type ModelFile struct {
	// Path is that of the ONNX file, as the user named it, and SHA256 its hash in
	// hexadecimal digits, without that of weights that lie in another file.
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
}

// From names the parameters that a run began with.
type From struct {
	// Path is what they were read from, as the user named it, and Place where in a
	// run that is.
	Path  string `json:"path"`
	Place string `json:"place,omitempty"`
	// SHA256 is the hash of all of them, in hexadecimal digits
	// (warmstart.Source.SHA256).
	SHA256 string `json:"sha256"`
	// New are the parameters that were initialised instead, those of the
	// classifier of other classes.
	New []string `json:"new,omitempty"`
}

// String names them in messages; nil are the parameters that the seed gives.
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
	// Model is empty where the system does not tell.
	Model string `json:"model"`
	// Cores counts the logical processors that the process may use.
	Cores int `json:"cores"`
}

// Data names the images.
type Data struct {
	Source string `json:"source"`
	// Hash is the SHA-256 of the images and labels, in hexadecimal digits.
	Hash string `json:"hash"`
	// Train and Validation count the images.
	Train      int `json:"train"`
	Validation int `json:"validation"`
	// Height and Width are the size of every image in pixels, Classes the
	// names of the classes by label.
	Height  int      `json:"height"`
	Width   int      `json:"width"`
	Classes []string `json:"classes"`
	// Decoder is what decoded JPEG images, with its version; empty if there are none.
	Decoder string `json:"decoder,omitempty"`
	// Skipped are files that were left out, as they could not be read.
	Skipped []dataset.SkippedFile `json:"skipped,omitempty"`
}

// Collect gives what the process itself knows: Toolkit, Go, Platform, CPU and,
// as Started, the present time. The rest is for the caller to fill in. Neither
// the machine's name nor the user's is kept.
func Collect() Environment {
	return Environment{
		Toolkit:  Toolkit(),
		Go:       runtime.Version(),
		Platform: runtime.GOOS + "/" + runtime.GOARCH,
		CPU:      CPU{Model: cpuModel(), Cores: runtime.NumCPU()},
		Started:  time.Now().UTC().Truncate(time.Second),
	}
}

// Toolkit is the module's version, as in [Environment]. A build in a checkout
// has none before Go 1.24 and a pseudo-version since, with the revision and
// "+dirty" for files that differ from it; one without version control says
// "(devel)". It is never empty.
func Toolkit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return cmp.Or(toolkitOf(info), "unknown")
}

// module is the path of this module, which programs of others depend on.
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
