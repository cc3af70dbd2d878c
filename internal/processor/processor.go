// Package processor names the processor of the machine.
package processor

import (
	"fmt"
	"strings"
)

// Model returns the name of the processor, such as "AMD EPYC 7763" or "ARM Neoverse-N1". It is
// empty if the system does not say.
func Model() string { return model() }

// fromCPUInfo finds the name in the text of Linux's /proc/cpuinfo. On x86 it is the line "model
// name". On ARM there are two numbers instead: one for the company that designed the cores, and
// one for the design.
func fromCPUInfo(text string) string {
	first := map[string]string{} // the first value of each kind of line
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(line, ":"); ok {
			if name = strings.TrimSpace(name); first[name] == "" {
				first[name] = strings.TrimSpace(value)
			}
		}
	}
	if name := first["model name"]; name != "" {
		return name
	}
	implementer, part := first["CPU implementer"], first["CPU part"]
	if implementer == "" {
		return ""
	}
	designer, known := designers[implementer]
	if !known {
		return fmt.Sprintf("ARM processor of implementer %s, part %s", implementer, part)
	}
	if core, known := designer.cores[part]; known {
		return designer.name + " " + core
	}
	return fmt.Sprintf("%s part %s", designer.name, part)
}

// designer is a company that designs cores. cores maps the number that Linux calls "CPU part"
// to a core's name, and designers maps "CPU implementer" to a company. The numbers are the fields
// PartNum and Implementer of the register MIDR_EL1.
type designer struct {
	name  string
	cores map[string]string
}

var designers = map[string]designer{
	"0x41": {"ARM", map[string]string{
		"0xd03": "Cortex-A53",
		"0xd04": "Cortex-A35",
		"0xd05": "Cortex-A55",
		"0xd07": "Cortex-A57",
		"0xd08": "Cortex-A72",
		"0xd09": "Cortex-A73",
		"0xd0a": "Cortex-A75",
		"0xd0b": "Cortex-A76",
		"0xd0c": "Neoverse-N1",
		"0xd0d": "Cortex-A77",
		"0xd40": "Neoverse-V1",
		"0xd41": "Cortex-A78",
		"0xd44": "Cortex-X1",
		"0xd47": "Cortex-A710",
		"0xd48": "Cortex-X2",
		"0xd49": "Neoverse-N2",
		"0xd4a": "Neoverse-E1",
		"0xd4d": "Cortex-A715",
		"0xd4e": "Cortex-X3",
		"0xd4f": "Neoverse-V2",
		"0xd81": "Cortex-A720",
		"0xd84": "Neoverse-V3",
		"0xd8e": "Neoverse-N3",
	}},
	"0x46": {"Fujitsu", map[string]string{"0x001": "A64FX"}},
	"0x48": {"HiSilicon", map[string]string{"0xd01": "TaiShan-v110"}},
	"0x4e": {"NVIDIA", map[string]string{"0x003": "Denver 2", "0x004": "Carmel"}},
	"0x51": {"Qualcomm", map[string]string{"0x001": "Oryon"}},
	"0x61": {"Apple", map[string]string{"0x022": "M1 (efficiency)", "0x023": "M1 (performance)", "0x032": "M2 (efficiency)", "0x033": "M2 (performance)"}},
	"0xc0": {"Ampere", map[string]string{"0xac3": "Ampere-1", "0xac4": "Ampere-1a"}},
}
