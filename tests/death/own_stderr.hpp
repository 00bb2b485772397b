// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// own_stderr.hpp: a program that waits for what it says itself, so that no test needs to wait for a time instead.
#pragma once

#include <array>
#include <cstdlib>
#include <fcntl.h>
#include <unistd.h>

namespace tests {

// From now on what the process writes to stderr comes here; from the destructor on, where it went before.
class own_stderr {
public:
    own_stderr() : before_(::dup(STDERR_FILENO)) {
        if (before_ < 0 || ::pipe(ends_.data()) != 0 || ::dup2(ends_[1], STDERR_FILENO) < 0)
            std::abort();
    }
    ~own_stderr() {
        ::dup2(before_, STDERR_FILENO);
        ::close(ends_[1]);
        // What is there, not until the end: where sanitizers are, sysmon has stderr in a table of its own.
        ::fcntl(ends_[0], F_SETFL, O_NONBLOCK);
        while (pass_on())
            ;
        ::close(ends_[0]);
        ::close(before_);
    }
    own_stderr(own_stderr const&) = delete;
    own_stderr& operator=(own_stderr const&) = delete;

    // Waits for a whole line.
    void pass_on_line() {
        while (pass_on() && last_ != '\n')
            ;
    }

private:
    bool pass_on() { return ::read(ends_[0], &last_, 1) == 1 && ::write(before_, &last_, 1) == 1; }

    int const before_;
    std::array<int, 2> ends_{};
    char last_ = 0;
};

} // namespace tests
