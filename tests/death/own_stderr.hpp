// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// own_stderr.hpp: lets a program wait for its own lines on stderr, in place of a sleep.
#pragma once

#include <array>
#include <cstdlib>
#include <fcntl.h>
#include <unistd.h>

namespace tests {

// Redirects the process's stderr into this object. The destructor restores the previous stderr.
class own_stderr {
public:
    own_stderr() : before_(::dup(STDERR_FILENO)) {
        if (before_ < 0 || ::pipe(ends_.data()) != 0 || ::dup2(ends_[1], STDERR_FILENO) < 0)
            std::abort();
    }
    ~own_stderr() {
        ::dup2(before_, STDERR_FILENO);
        ::close(ends_[1]);
        // Reads what the pipe holds, without waiting for its end. Under sanitizers sysmon keeps
        // stderr open in a separate descriptor table.
        ::fcntl(ends_[0], F_SETFL, O_NONBLOCK);
        while (pass_on())
            ;
        ::close(ends_[0]);
        ::close(before_);
    }
    own_stderr(own_stderr const&) = delete;
    own_stderr& operator=(own_stderr const&) = delete;

    // Waits for a whole line and copies it to the previous stderr.
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
