package library

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
)

// naming holds the names of the library's files on an operating system.
type naming struct {
	main   string         // the library that programs open
	shared string         // the library that one with provider libraries opens first
	cuda   string         // the CUDA provider
	family *regexp.Regexp // matches every file of the library
}

// namingOf returns the naming on goos. Systems other than Windows and macOS are
// treated like Linux.
func namingOf(goos string) naming {
	switch goos {
	case "windows":
		return naming{
			main: "onnxruntime.dll", shared: "onnxruntime_providers_shared.dll", cuda: "onnxruntime_providers_cuda.dll",
			family: regexp.MustCompile(`^onnxruntime[\w.+-]*\.dll$`),
		}
	case "darwin":
		return naming{
			main: "libonnxruntime.1.dylib", shared: "libonnxruntime_providers_shared.dylib",
			cuda:   "libonnxruntime_providers_cuda.dylib",
			family: regexp.MustCompile(`^libonnxruntime[\w.+-]*\.dylib$`),
		}
	}
	return naming{
		main: "libonnxruntime.so.1", shared: "libonnxruntime_providers_shared.so", cuda: "libonnxruntime_providers_cuda.so",
		family: regexp.MustCompile(`^libonnxruntime[\w.+-]*\.so(\.\d+)*$`),
	}
}

// pickMain returns the library that programs open, among the names in a folder: the
// name that the pinned build has, or else the shortest of names such as
// libonnxruntime.so and libonnxruntime.so.1.28.0. It returns "" if there is none.
func (n naming) pickMain(names []string) string {
	if slices.Contains(names, n.main) {
		return n.main
	}
	var mains []string
	for _, name := range names {
		if n.family.MatchString(name) && !strings.Contains(name, "_providers") {
			mains = append(mains, name)
		}
	}
	if len(mains) == 0 {
		return ""
	}
	return slices.MinFunc(mains, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
	})
}
