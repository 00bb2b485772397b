// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "perf/harness/cpu_waits.hpp"

#include <array>
#include <cstdlib>

#include <fcntl.h>
#include <unistd.h>

namespace perf {
namespace {

// Returns the second number in the file: nanoseconds on a run queue.
nanoseconds waited(int file) {
    std::array<char, 128> text{};
    verify(pread(file, text.data(), text.size() - 1, 0) > 0, "the kernel counts waits for a CPU");
    char* at = text.data();
    static_cast<void>(std::strtoll(at, &at, 10)); // on the CPU
    return nanoseconds(std::strtoll(at, nullptr, 10));
}

} // namespace

cpu_waits::~cpu_waits() { ::close(file_); }

nanoseconds cpu_waits::since_last_call() {
    if (pid_t const self = ::gettid(); self != thread_) {
        thread_ = self;
        ::close(file_);
        file_ = ::open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
        before_ = waited(file_);
        return nanoseconds::zero();
    }
    auto const now = waited(file_);
    auto const since = now - before_;
    before_ = now;
    return since;
}

} // namespace perf
