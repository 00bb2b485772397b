// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// fatal.cpp: prints messages, on stderr or through the writer of the thread.
#include "runtime/base/process/fatal.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <sys/syscall.h>
#include <unistd.h>

namespace fiber::rt {
namespace {

struct {
    line_writer write;
    void* context;
} constinit thread_local thread_line_writer{nullptr, nullptr};

// Prints the line with one write, so that lines of different threads do not mix. It does not use
// stdio, because the failing thread may hold the lock of a stdio buffer.
void print_line(char const* format, std::va_list arguments) noexcept {
    int const saved_errno = errno;
    char line[512] = "fiber: ";
    constexpr std::size_t prefix = 7;
    int const n = std::vsnprintf(line + prefix, sizeof line - prefix - 1, format, arguments);
    std::size_t const length =
        prefix + std::min(static_cast<std::size_t>(std::max(n, 0)), sizeof line - prefix - 2);
    line[length] = '\n';
    if (auto const writer = thread_line_writer; writer.write != nullptr)
        writer.write(writer.context, line, length + 1);
    else [[maybe_unused]]
        auto const written = ::syscall(SYS_write, STDERR_FILENO, line, length + 1); // write() may park
    errno = saved_errno;
}

} // namespace

void set_thread_line_writer(line_writer writer, void* context) noexcept {
    thread_line_writer = {writer, context};
}

void fatal(char const* format, ...) noexcept {
    std::va_list arguments;
    va_start(arguments, format);
    print_line(format, arguments);
    va_end(arguments);
    std::abort();
}

void warn(char const* format, ...) noexcept {
    std::va_list arguments;
    va_start(arguments, format);
    print_line(format, arguments);
    va_end(arguments);
}

} // namespace fiber::rt
