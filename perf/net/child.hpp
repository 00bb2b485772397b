// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// A program that runs beside this one, on one CPU, and is talked to by lines.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include <sys/types.h>

namespace perf::net {

class child {
public:
    // Starts the program on this CPU. Throws std::system_error if that fails.
    child(int cpu, std::string const& program, std::vector<std::string> const& arguments);
    ~child(); // kills it
    child(child const&) = delete;
    child& operator=(child const&) = delete;

    [[nodiscard]] pid_t id() const { return id_; }
    // Returns the next line that the program writes. Throws std::runtime_error if it ends or takes too long.
    std::string line(std::chrono::seconds limit);
    void say(std::string const& line);
    // Waits for the program, and returns what it has written. Throws std::runtime_error if it takes too long,
    // or ends otherwise than with status 0 or by this signal.
    std::string end(std::chrono::seconds limit, int by_signal = 0);
    void interrupt() const;

private:
    bool read_some(std::chrono::steady_clock::time_point deadline);
    [[noreturn]] void fails(std::string const& how) const;

    std::string name_;
    pid_t id_ = -1;
    int to_ = -1, from_ = -1;
    std::string unread_{};
};

// Returns the CPUs that this process may use, in their order.
std::vector<int> allowed_cpus();

} // namespace perf::net
