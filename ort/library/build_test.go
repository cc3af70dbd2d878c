package library

import (
	"regexp"
	"strings"
	"testing"

	"onnxlab/configs"
)

func TestPinnedBuilds(t *testing.T) {
	sum := regexp.MustCompile(`^[0-9a-f]{64}$`)
	seen := map[string]bool{}
	for _, b := range pinned {
		if !sum.MatchString(b.sha256) || seen[b.sha256] || seen[b.classifier] {
			t.Errorf("%s: SHA-256 %q is malformed, or the SHA-256 or the classifier is listed twice", b.classifier, b.sha256)
		}
		seen[b.sha256], seen[b.classifier] = true, true
		if (b.device == configs.CUDA) != strings.HasSuffix(b.classifier, "-gpu") {
			t.Errorf("%s is listed for the device %q", b.classifier, b.device)
		}
		if got, err := buildFor(b.goos, b.goarch, b.device); err != nil || got != b {
			t.Errorf("buildFor(%s, %s, %s) = %v, %v", b.goos, b.goarch, b.device, got, err)
		}
	}
}

func TestBuildForNames(t *testing.T) {
	b, err := buildFor("linux", "amd64", configs.CUDA)
	if err != nil {
		t.Fatal(err)
	}
	for got, want := range map[string]string{
		b.coordinates(): "org.bytedeco:onnxruntime:1.28.0-1.5.14:jar:linux-x86_64-gpu",
		b.jarName():     "onnxruntime-1.28.0-1.5.14-linux-x86_64-gpu.jar",
		b.cacheName():   "1.28.0-1.5.14-linux-x86_64-gpu-a1775c67abc5",
		b.folder():      "org/bytedeco/onnxruntime/linux-x86_64-gpu",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestBuildForUnpublished(t *testing.T) {
	for _, test := range []struct {
		goos, goarch string
		device       configs.Device
		want         string
	}{
		{"freebsd", "amd64", configs.CPU, "freebsd/amd64"},
		{"darwin", "arm64", configs.CUDA, `device "cuda"`},
		{"linux", "amd64", "tpu", `runtime.device: "tpu"`},
	} {
		_, err := buildFor(test.goos, test.goarch, test.device)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("buildFor(%s, %s, %s) fails with %v, want %q in it", test.goos, test.goarch, test.device, err, test.want)
		}
	}
}

func TestPickMain(t *testing.T) {
	for _, test := range []struct {
		goos, names, want string
	}{
		{"linux", "libonnxruntime_providers_shared.so libonnxruntime.so.1 libonnxruntime.so", "libonnxruntime.so.1"},
		{"linux", "libonnxruntime.so.1.19.2 libonnxruntime_providers_shared.so", "libonnxruntime.so.1.19.2"},
		{"linux", "libonnxruntime.so.1.19.2 libonnxruntime.so", "libonnxruntime.so"},
		{"linux", "libonnxruntime_providers_cuda.so libjnionnxruntime.so libonnxruntime.dylib", ""},
		{"linux", "libonnxruntime.so.1.dbg", ""},
		{"darwin", "libonnxruntime_providers_shared.dylib libonnxruntime.1.dylib", "libonnxruntime.1.dylib"},
		{"darwin", "libonnxruntime.1.19.2.dylib", "libonnxruntime.1.19.2.dylib"},
		{"windows", "onnxruntime_providers_shared.dll onnxruntime.dll onnxruntime.lib", "onnxruntime.dll"},
		{"windows", "", ""},
	} {
		if got := namingOf(test.goos).pickMain(strings.Fields(test.names)); got != test.want {
			t.Errorf("%s: picked %q of %s, want %q", test.goos, got, test.names, test.want)
		}
	}
}
