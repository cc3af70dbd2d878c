package durable

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// generationPrefix begins the names of the files that stand for locks where the
// file system has none, as NFS without a lock daemon and Lustre without the mount
// option flock.
//
// The file with the highest number has the lock. It is made by a link, which only one
// of many can make, complete with who made it. A process that releases the lock
// empties its file and lets it stay; so does one that is killed leave its file. The next
// one takes the next number, if that file is empty or its process is known to be
// gone, and then removes the earlier files. Numbers never fall, so that nobody who
// has read an old list can take a number that was held before: whoever finds a
// higher number than its own after the link has lost.
const generationPrefix = ".lock-"

// lockByGeneration is Lock where the file system has no locks.
func lockByGeneration(dir string) (unlock func() error, err error) {
	const tries = 100 // others take a generation in between
	for range tries {
		last, err := lastGeneration(dir)
		if err != nil {
			return nil, err
		}
		won, err := takeGeneration(dir, last+1)
		if err != nil {
			return nil, fmt.Errorf("lock %q: the file system has no locks, and none could be made of files: %w", dir, err)
		}
		if won {
			removeGenerations(dir, last)
			return func() error { return WriteBytes(generationPath(dir, last+1), nil) }, nil
		}
	}
	return nil, &LockedError{Dir: dir}
}

// lastGeneration is the last one in dir, which nobody has any more: that somebody has it
// is a [*LockedError].
func lastGeneration(dir string) (last int, err error) {
	last, holder, err := generation(dir)
	remove := generationPath(dir, last)
	if err == nil && last == 0 { // a host that has locks may be in the directory
		holder, err = HolderOf(dir)
		remove = filepath.Join(dir, lockName)
	}
	if err != nil {
		return 0, fmt.Errorf("lock %q: %w", dir, err)
	}
	if holder.Life() != Gone {
		return 0, &LockedError{Dir: dir, Holder: holder, Remove: remove}
	}
	return last, nil
}

// takeGeneration makes the file of the generation n and tells whether it is the
// last one, which has the lock.
func takeGeneration(dir string, n int) (won bool, err error) {
	data, err := describeHolder()
	if err != nil {
		return false, err
	}
	file, err := createTemp(dir)
	if err != nil {
		return false, err
	}
	defer os.Remove(file.Name())
	_, err = file.Write(data)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return false, err
	}
	err = os.Link(file.Name(), generationPath(dir, n))
	if errors.Is(err, os.ErrExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	last, _, err := generation(dir)
	if err == nil && last == n {
		return true, nil
	}
	return false, errors.Join(err, os.Remove(generationPath(dir, n)))
}

// generation is the last one in dir and who has it: 0 and nobody if there is none.
func generation(dir string) (last int, holder Holder, err error) {
	numbers, err := generations(dir)
	if err != nil || len(numbers) == 0 {
		return 0, Holder{}, err
	}
	for _, n := range numbers {
		last = max(last, n)
	}
	file, err := OpenPlain(generationPath(dir, last))
	if errors.Is(err, os.ErrNotExist) {
		return generation(dir) // it was removed by one with a higher number
	}
	if err != nil {
		return 0, Holder{}, err
	}
	defer file.Close()
	return last, readHolder(file), nil
}

func generations(dir string) (numbers []int, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		text, named := strings.CutPrefix(entry.Name(), generationPrefix)
		if n, err := strconv.Atoi(text); named && err == nil && n > 0 {
			numbers = append(numbers, n)
		}
	}
	return numbers, nil
}

// removeGenerations clears away the files up to the generation last. One that stays
// does no harm.
func removeGenerations(dir string, last int) {
	numbers, _ := generations(dir) // which then stay
	for _, n := range numbers {
		if n <= last {
			_ = os.Remove(generationPath(dir, n))
		}
	}
}

func generationPath(dir string, n int) string {
	return filepath.Join(dir, generationPrefix+strconv.Itoa(n))
}
