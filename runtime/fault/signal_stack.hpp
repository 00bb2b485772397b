// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// signal_stack.hpp: where a machine handles the signal of a fiber that has no stack left.
#pragma once

#include <cstddef>

namespace fiber::rt {

// The calling OS thread's alternative signal stack, from construction to destruction in that thread. Nothing, where
// the thread has one already (sanitizers see to that) or there is no memory: then an overflow ends the process
// without a report.
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
