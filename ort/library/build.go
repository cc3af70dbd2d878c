package library

import (
	"fmt"
	"strings"

	"onnxlab/configs"
)

const (
	// mavenArtifact and pinnedVersion are the Maven coordinates of the builds.
	mavenArtifact = "org.bytedeco:onnxruntime"
	pinnedVersion = "1.28.0-1.5.14"
	// minimumVersion is the oldest ONNX Runtime with version 19 of the C API, which
	// the binding needs.
	minimumVersion = "1.19"
)

// build is one of the jars of the pinned version.
type build struct {
	goos, goarch string
	device       configs.Device
	classifier   string // the last of the Maven coordinates, and the folder in the jar
	bytes        int64
	sha256       string
}

// pinned lists all builds of the pinned version.
var pinned = [...]build{
	{"linux", "amd64", configs.CPU, "linux-x86_64", 15715331, "f2de034ff16d4aebe4382530b383b6070c834741d74ebc31d72696d2e57a74dc"},
	{"linux", "arm64", configs.CPU, "linux-arm64", 12916866, "8861ad41a47fb99b5fe06591294a4c286b7703ebb01320ac6801bab2e0885956"},
	{"darwin", "arm64", configs.CPU, "macosx-arm64", 11355055, "bca5811b45907b5a2394549f2890df1615ee4104da2904eaaf1539ff11d588e4"},
	{"darwin", "amd64", configs.CPU, "macosx-x86_64", 11400780, "22cf8a6fd5b8363bb3e10e58535bd01931ee7608c8681f29be5cf2f143fa4ae4"},
	{"windows", "amd64", configs.CPU, "windows-x86_64", 8090278, "706f5d70fbf87b75ec798ca3cc679798f0cba62e86e1cba7de22eb85a17fefb2"},
	{"linux", "amd64", configs.CUDA, "linux-x86_64-gpu", 165275041, "a1775c67abc5864dcaa3771eff343be804cd0d0232f0b187e6c9867c15d6167f"},
	{"windows", "amd64", configs.CUDA, "windows-x86_64-gpu", 151422503, "3ee4898ecd3166a1ad81c07552ef22a7a281019b868169af575284b57e6098ce"},
}

// buildFor returns the pinned build for a platform and a device.
func buildFor(goos, goarch string, device configs.Device) (build, error) {
	if err := device.Check(); err != nil {
		return build{}, fmt.Errorf("runtime.device: %w", err)
	}
	var have []string
	for _, b := range pinned {
		if b.goos == goos && b.goarch == goarch && b.device == device {
			return b, nil
		}
		have = append(have, b.classifier)
	}
	return build{}, fmt.Errorf("find ONNX Runtime for %s/%s, device %q: no build is published (there are %s); "+
		"build ONNX Runtime with --enable_training_apis and set runtime.library or %s to it",
		goos, goarch, device, strings.Join(have, ", "), EnvLibrary)
}

// coordinates returns the Maven coordinates of the jar.
func (b build) coordinates() string {
	return mavenArtifact + ":" + pinnedVersion + ":jar:" + b.classifier
}

// jarName returns the file name of the jar.
func (b build) jarName() string {
	return "onnxruntime-" + pinnedVersion + "-" + b.classifier + ".jar"
}

// cacheName returns the name of the cache's folder for the unpacked jar.
func (b build) cacheName() string {
	return pinnedVersion + "-" + b.classifier + "-" + b.sha256[:12]
}

// folder returns the folder of the libraries in the jar.
func (b build) folder() string {
	return "org/bytedeco/onnxruntime/" + b.classifier
}
