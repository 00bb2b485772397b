// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/sched/overflow_report.hpp"

#include "runtime/base/process/fatal.hpp"
#include "runtime/sched/fiber.hpp"
#include "runtime/stack/stack_class.hpp"

#include <execinfo.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace fiber::rt {

void print(std::string_view text) noexcept {
    // A raw call: write() may park.
    [[maybe_unused]] auto const written = ::syscall(SYS_write, STDERR_FILENO, text.data(), text.size());
}

void print_place(std::string_view before, void const* pc) noexcept {
    print(before);
    void* place = const_cast<void*>(pc);
    ::backtrace_symbols_fd(&place, 1, STDERR_FILENO);
}

// Reads the name without its lock: names change only by their own fiber, which is this one.
void print_overflow(fiber const& g, std::size_t stack_size, char const* remedy) noexcept {
    char const* const name = g.name;
    bool const has_name = name != nullptr;
    warn("fiber %llu%s%.200s%s: stack overflow (%zu KiB). Give %s", static_cast<unsigned long long>(g.id),
         has_name ? " \"" : "", has_name ? name : "", has_name ? "\"" : "", stack_size / 1024, remedy);
    print_place("  started at ", g.started_at);
}

void die_of_overflow(fiber const& g) noexcept {
    print_overflow(g, static_cast<stack*>(g.stack)->size_class.size(), larger_stack);
    fatal("it was noticed when the fiber ended, by what lies below its stack: there is no guard page there");
}

} // namespace fiber::rt
