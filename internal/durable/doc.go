// Package durable writes files and directories that are either complete or
// absent.
//
//	err := durable.WriteFile("history.csv", func(w io.Writer) error { … })
//
// writes to a temporary file beside the target, syncs it, renames it over the
// target and syncs the directory. Readers see the old content or the new one, never
// a mixture, even if the process is killed half-way. On any failure the old content
// stays and the temporary file is removed. [GrowFile] is for files that readers keep
// open while they grow.
//
// A directory is built in the same way: fill one made by [TempDir], then pass it to
// [PublishDir].
//
// [Lock] keeps two processes out of one directory. The operating system drops
// the lock when its holder ends, however it ends, so there are no stale locks.
// [LockWait] waits for its turn. On file systems without locks, files are used
// instead. A killed process leaves its file behind: on the same host the next
// process takes the lock over, and elsewhere the error says which file to delete.
// [Ask] asks the holder to leave, which it does if it checks [Asked].
//
// A process that is killed leaves temporary files and directories behind. Their names
// start with ".tmp-", and [RemoveLeftovers] deletes them.
//
// What is not promised: on Windows the rename of a file is not durable until
// the system writes its journal, because a directory cannot be synced there.
package durable
