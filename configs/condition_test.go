package configs

import (
	"fmt"
	"testing"
)

// TestUnknownConditionListsEachOnce checks that the message lists the built-in conditions
// in order, followed by the definitions that do not replace one of them.
func TestUnknownConditionListsEachOnce(t *testing.T) {
	const builtins = "none, medium, strong, warmup, shift-only, sqrt-scaling, nesterov, ema, label-smoothing, mixup, cutmix, lars, lamb"
	for _, c := range []struct {
		defined []string
		known   string
	}{
		{nil, builtins},
		{[]string{"warmup"}, builtins},
		{[]string{"quiet", "warmup"}, builtins + ", quiet"},
		{[]string{"z-last", "none", "shift-only", "a-first"}, builtins + ", a-first, z-last"},
		{[]string{"strong", "between", "medium", "none", "warmup", "shift-only"}, builtins + ", between"},
	} {
		e := Default()
		e.Sweep.Definitions = map[string]Overlay{}
		for _, name := range c.defined {
			e.Sweep.Definitions[name] = Overlay{"train.epochs": 2}
		}
		want := fmt.Sprintf(`sweep.conditions: unknown condition "utterly-else" (known: %s)`, c.known)
		if _, err := e.Cell("utterly-else", 128, 1); err == nil || err.Error() != want {
			t.Errorf("%q: got  %v\nwant %s", c.defined, err, want)
		}
	}
}
