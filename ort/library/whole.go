package library

import (
	"debug/elf"
	"fmt"
	"os"
)

// checkWhole refuses an ELF library that is shorter than its header says, as a
// truncated copy is: loading it would end the process with SIGBUS, which no caller can
// catch. macOS and Windows refuse such libraries themselves.
func checkWhole(path, magic string) error {
	if magic != elf.ELFMAG {
		return nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	library, err := elf.Open(path)
	if err != nil {
		return fmt.Errorf("it is damaged: %w", err)
	}
	defer library.Close()
	size := uint64(info.Size())
	for _, part := range library.Progs {
		if part.Off > size || part.Filesz > size-part.Off {
			return fmt.Errorf("it is damaged: it has %d bytes, but one of its parts has %d bytes from byte %d on", size, part.Filesz, part.Off)
		}
	}
	return nil
}
