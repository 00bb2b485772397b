// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// signal_stack.hpp: the stack on which a machine handles the signal of a fiber that has no stack left.
#pragma once

#include <cstddef>

namespace fiber::rt {

// The calling OS thread's alternative signal stack. It exists from construction to destruction, both in
// that thread. It does nothing if the thread has such a stack already, as with sanitizers, or memory is
// short. Without a signal stack, an overflow ends the process without a report.
class signal_stack {
public:
    signal_stack() noexcept;
    ~signal_stack();
    signal_stack(signal_stack const&) = delete;
    signal_stack& operator=(signal_stack const&) = delete;

private:
    void* memory_ = nullptr;
    std::size_t size_ = 0;
};

} // namespace fiber::rt
