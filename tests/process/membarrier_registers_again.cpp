// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// membarrier_registers_again: if the kernel has lost the registration of a membarrier command, the
// library registers it again. In this program the commands were never registered.

// stdout: works, errno is kept

#include "runtime/base/atomics/membarrier.hpp"

#include <cerrno>
#include <cstdio>
#include <initializer_list>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

bool kernel_knows(int command) {
    return (::syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0) & command) == command;
}

bool refused(int command) { return ::syscall(SYS_membarrier, command, 0, 0) != 0 && errno == EPERM; }

} // namespace

int main() {
    for (int const command : {MEMBARRIER_CMD_PRIVATE_EXPEDITED, MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ}) {
        if (::syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0) < 0 || !kernel_knows(command))
            continue;
        if (!refused(command)) {
            std::printf("command %d works without being registered: this shows nothing\n", command);
            return 1;
        }
        errno = ERANGE;
        fiber::rt::membarrier(command);
        if (errno != ERANGE) {
            std::printf("errno is %d\n", errno);
            return 1;
        }
    }
    std::puts("works, errno is kept");
}
