package jpegturbo

import "onnxlab/internal/maven"

// build is one file of the pinned version.
type build struct {
	goos, goarch string
	classifier   string // the last part of the Maven coordinates, and the folder in the jar
	jarSHA256    string
	library      string // the file in the jar
	sha256       string // of that file
}

const (
	mavenArtifact = "org.bytedeco:leptonica"
	pinnedVersion = "1.87.0-1.5.14"
	// turboVersion is the version of libjpeg-turbo in the pinned builds.
	turboVersion = "3.0.1"
)

// pinned has all builds of the pinned version that export libjpeg's functions.
var pinned = [...]build{
	{
		"linux", "amd64", "linux-x86_64", "5169bd7521e599369b1b031fb1d330b21238bbf808fb0d3192654b92ac887783",
		"libleptonica.so.6", "e718f3091959b5bdf95cf04808aa3083e46102e31ed0e66cf4a55c6b992d3f7d",
	},
	{
		"linux", "arm64", "linux-arm64", "c39d53a254e06c7de7193bb3f6d1046238ff8b623ecbcf8a42daf81fbaf227c2",
		"libleptonica.so.6", "717701d74b1b0c32c3784116d682a175d69a2f2eda235f1147a0f5eb479f8774",
	},
	{
		"darwin", "arm64", "macosx-arm64", "e7e566f6f0844be448a5866d30b831d203261f0b85e940fb2dfad77a01c7428e",
		"libleptonica.6.dylib", "55c6f5d22a4f9c8557611556a1d1a66efa0ce89f0c450aeabfd64a6397a12e13",
	},
}

// buildFor returns the pinned build for a platform, if there is one.
func buildFor(goos, goarch string) (b build, ok bool) {
	for _, b := range pinned {
		if b.goos == goos && b.goarch == goarch {
			return b, true
		}
	}
	return build{}, false
}

// artifact returns the coordinates of the jar.
func (b build) artifact() maven.Artifact {
	return maven.Artifact{
		Coordinates: mavenArtifact + ":" + pinnedVersion + ":jar:" + b.classifier,
		File:        "leptonica-" + pinnedVersion + "-" + b.classifier + ".jar",
		SHA256:      b.jarSHA256,
	}
}

// entry returns the name of the library in the jar.
func (b build) entry() string { return "org/bytedeco/leptonica/" + b.classifier + "/" + b.library }

// cacheName returns the name of the folder in the cache for the library.
func (b build) cacheName() string { return pinnedVersion + "-" + b.classifier + "-" + b.sha256[:12] }

// systemNames returns the names of libraries with the same struct layout on an operating
// system.
func systemNames(goos string) []string {
	if goos == "darwin" {
		return []string{"libjpeg.62.dylib"}
	}
	return []string{"libjpeg.so.62"}
}
