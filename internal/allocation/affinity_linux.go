package allocation

import "golang.org/x/sys/unix"

// affinity lists the processors that the process may run on. It returns nil if the
// system does not say.
func affinity() []int {
	var set unix.CPUSet
	if unix.SchedGetaffinity(0, &set) != nil {
		return nil // more processors than a set has room for
	}
	var cpus []int
	for cpu := range len(set) * 64 {
		if set.IsSet(cpu) {
			cpus = append(cpus, cpu)
		}
	}
	return cpus
}
