// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// files.cpp: calls that wait for a disk, for a lock of a file, or for a process. The system has no form of
// them that does not block, so they give their processor away.

#include "runtime/hook/hooked.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace fiber::hook_library;

FIBER_HOOK(int, fsync, (int fd)) { return in_blocking_call(seam_of.io, real_fsync, fd); }
FIBER_HOOK(int, fdatasync, (int fd)) { return in_blocking_call(seam_of.io, real_fdatasync, fd); }

FIBER_HOOK(int, flock, (int fd, int operation)) {
    return in_blocking_call((operation & LOCK_NB) != 0 ? nullptr : seam_of.io, real_flock, fd, operation);
}
FIBER_HOOK(int, lockf, (int fd, int command, off_t length)) {
    return in_blocking_call(command == F_LOCK ? seam_of.io : nullptr, real_lockf, fd, command, length);
}
FIBER_HOOK(int, lockf64, (int fd, int command, off_t length)) {
    return in_blocking_call(command == F_LOCK ? seam_of.io : nullptr, real_lockf64, fd, command, length);
}

// The third argument is an int, a pointer, or missing. All arrive in the same register.
namespace {
hook_seam const* seam_for(int command) noexcept {
    return command == F_SETLKW || command == F_OFD_SETLKW ? seam_of.io : nullptr;
}
} // namespace
FIBER_HOOK_EARLY(int, fcntl, (int fd, int command, void* argument), "__fcntl") {
    return in_blocking_call(seam_for(command), real_fcntl, fd, command, argument);
}
FIBER_HOOK(int, fcntl64, (int fd, int command, void* argument)) {
    return in_blocking_call(seam_for(command), real_fcntl64, fd, command, argument);
}

namespace {
hook_seam const* seam_for_wait(int options) noexcept {
    return (options & WNOHANG) == 0 ? seam_of.io : nullptr;
}
} // namespace
FIBER_HOOK(pid_t, wait, (int* status)) { return in_blocking_call(seam_of.io, real_wait, status); }
FIBER_HOOK(pid_t, waitpid, (pid_t child, int* status, int options)) {
    return in_blocking_call(seam_for_wait(options), real_waitpid, child, status, options);
}
FIBER_HOOK(pid_t, wait3, (int* status, int options, rusage* usage)) {
    return in_blocking_call(seam_for_wait(options), real_wait3, status, options, usage);
}
FIBER_HOOK(pid_t, wait4, (pid_t child, int* status, int options, rusage* usage)) {
    return in_blocking_call(seam_for_wait(options), real_wait4, child, status, options, usage);
}
FIBER_HOOK(int, waitid, (idtype_t kind, id_t id, siginfo_t* info, int options)) {
    return in_blocking_call(seam_for_wait(options), real_waitid, kind, id, info, options);
}

FIBER_HOOK_PART(files)
