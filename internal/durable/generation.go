package durable

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// generationPrefix begins the names of the files that replace locks where the file
// system has none, such as NFS without a lock daemon and Lustre without the mount option
// flock.
//
// The process that made the file with the highest number has the lock. The file says
// which process that is. It is written under another name and then linked to its own,
// which succeeds for only one process. To release the lock, a process empties its file
// but does not delete it. A killed process leaves its file as it is. The next process
// takes the next number if that file is empty or if its process is known to have ended,
// and then removes the earlier files. The numbers never fall. So if a process has read
// an old list and takes a number that was held before, it finds a higher number after
// its link, and knows that it does not have the lock.
const generationPrefix = ".lock-"

// lockByGeneration is Lock where the file system has no locks.
func lockByGeneration(dir string) (unlock func() error, err error) {
	const tries = 100 // another process may take the number first
	for range tries {
		last, err := lastGeneration(dir)
		if err != nil {
			return nil, err
		}
		won, err := takeGeneration(dir, last+1)
		if err != nil {
			return nil, fmt.Errorf("lock %q: the file system has no locks, and the file that replaces one could not be made: %w", dir, err)
		}
		if won {
			removeGenerations(dir, last)
			return func() error { return WriteBytes(generationPath(dir, last+1), nil) }, nil
		}
	}
	return nil, &LockedError{Dir: dir}
}

// lastGeneration returns the highest number in dir, if its process has released the lock
// or has ended. Otherwise it returns a [*LockedError].
func lastGeneration(dir string) (last int, err error) {
	last, holder, err := generation(dir)
	remove := generationPath(dir, last)
	if err == nil && last == 0 { // a host whose file system has locks may be using the directory
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

// takeGeneration makes the file with number n, and reports whether that is the highest
// number, which means that this process has the lock.
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
	// The process that has the lock may have removed the file already.
	if e := os.Remove(generationPath(dir, n)); !errors.Is(e, os.ErrNotExist) {
		err = errors.Join(err, e)
	}
	return false, err
}

// generation returns the highest number in dir and the process that made its file.
// Without such files it returns 0 and the zero Holder.
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
		return generation(dir) // a process with a higher number has removed it
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

// removeGenerations removes the files with numbers up to last. It ignores errors, since
// a file that stays does no harm.
func removeGenerations(dir string, last int) {
	numbers, _ := generations(dir)
	for _, n := range numbers {
		if n <= last {
			_ = os.Remove(generationPath(dir, n))
		}
	}
}

func generationPath(dir string, n int) string {
	return filepath.Join(dir, generationPrefix+strconv.Itoa(n))
}
