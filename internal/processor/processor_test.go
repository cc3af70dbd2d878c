package processor

import "testing"

// TestFromCPUInfo has what Linux writes on several processors, cut to the lines that matter.
func TestFromCPUInfo(t *testing.T) {
	for text, want := range map[string]string{
		"processor\t: 0\nvendor_id\t: AuthenticAMD\nmodel name\t: AMD EPYC 7763\n\nprocessor\t: 1\nmodel name\t: AMD EPYC 7763\n": "AMD EPYC 7763",
		"processor\t: 0\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU part\t: 0xd0c\n":                                       "ARM Neoverse-N1",
		// A Raspberry Pi with an old kernel names the machine in a line of its own.
		"processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd08\n\nHardware\t: BCM2711\nModel\t: Raspberry Pi 4\n": "ARM Cortex-A72",
		// The first kind of core counts where there are two.
		"CPU implementer\t: 0x61\nCPU part\t: 0x022\n\nCPU implementer\t: 0x61\nCPU part\t: 0x023\n": "Apple M1 (efficiency)",
		"CPU implementer\t: 0x41\nCPU part\t: 0xfff\n":                                               "ARM part 0xfff",
		"CPU implementer\t: 0x99\nCPU part\t: 0x123\n":                                               "ARM processor of implementer 0x99, part 0x123",
		"processor\t: 0\nisa\t: rv64imafdc\n":                                                        "",
		"":                                                                                           "",
	} {
		if got := fromCPUInfo(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
