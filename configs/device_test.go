package configs

import (
	"strings"
	"testing"
)

// TestDevices checks that each device has a complete row in the table.
func TestDevices(t *testing.T) {
	for _, d := range Devices() {
		traits := d.Traits()
		if d.Check() != nil || traits.Kind == "" || traits.Target == "" || !strings.HasSuffix(traits.Provider, "ExecutionProvider") || !d.trains(Float32) {
			t.Errorf("%s: %+v, %v", d, traits, d.Check())
		}
	}
	if Device("").Traits().Target != CPU.Traits().Target || Device("").Check() != nil {
		t.Error("the zero Device does not mean the CPU")
	}
	if err := Device("tpu").Check(); err == nil || err.Error() != `"tpu" is not "cpu" or "cuda"` {
		t.Errorf("error %v", err)
	}
	if CPU.trains(MixedFloat16) || !CUDA.trains(MixedFloat16) {
		t.Error("mixed_float16 is only for CUDA")
	}
}
