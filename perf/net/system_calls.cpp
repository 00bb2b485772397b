// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "perf/net/system_calls.hpp"

#include "perf/harness/format.hpp"
#include "perf/harness/process.hpp"
#include "perf/net/other_process.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <functional>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <string_view>
#include <thread>
#include <vector>

#include <sys/syscall.h>

namespace perf::net {
namespace {

using namespace std::chrono_literals;

// ── perf stat ──

struct call {
    std::string_view name;
    long number;
};
constexpr call reads[] = {
    {"read", SYS_read}, {"readv", SYS_readv}, {"recvfrom", SYS_recvfrom}, {"recvmsg", SYS_recvmsg}};
constexpr call other_calls[] = {
    {"write", SYS_write},
    {"writev", SYS_writev},
    {"sendto", SYS_sendto},
    {"sendmsg", SYS_sendmsg},
#if defined(SYS_epoll_wait)
    {"epoll_wait", SYS_epoll_wait},
#endif
    {"epoll_pwait", SYS_epoll_pwait},
    {"epoll_pwait2", SYS_epoll_pwait2},
    {"epoll_ctl", SYS_epoll_ctl},
    {"futex", SYS_futex},
    {"nanosleep", SYS_nanosleep},
    {"clock_nanosleep", SYS_clock_nanosleep},
    {"membarrier", SYS_membarrier},
    {"rt_sigprocmask", SYS_rt_sigprocmask},
};

// One counter for each call, one for all, and one for reads that end in EAGAIN.
std::vector<std::string> perf_arguments(std::string const& process) {
    std::vector<std::string> all{"-c",       "exec perf stat \"$@\" 2>&1",
                                 "perf",     "-x;",
                                 "--log-fd", "1",
                                 "-D-1",     "--control",
                                 "fd:0,1",   "-p",
                                 process};
    auto const count = [&](char const* point, std::string const& filter) {
        all.insert(all.end(), {"-e", point, "--filter", filter});
    };
    std::string vain;
    for (auto const& c : reads) {
        count("raw_syscalls:sys_enter", joined("id == ", c.number));
        vain += joined(vain.empty() ? "" : " || ", "id == ", c.number);
    }
    for (auto const& c : other_calls)
        count("raw_syscalls:sys_enter", joined("id == ", c.number));
    count("raw_syscalls:sys_exit", joined("ret == -", EAGAIN, " && (", vain, ")"));
    count("raw_syscalls:sys_enter", "id >= 0");
    return all;
}

// Reads a line "COUNT;;EVENT;…" for each counter, in their order. There is a byte 0 behind the
// acknowledgement.
counted_calls read_perf(std::string text, std::int64_t requests) {
    std::erase(text, '\0');
    std::vector<std::int64_t> counts;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);)
        if (line.find(";raw_syscalls:") != line.npos)
            counts.push_back(std::stoll(line));
    if (counts.size() != std::size(reads) + std::size(other_calls) + 2)
        throw std::runtime_error("perf stat says " + text);
    counted_calls all{.requests = requests, .vain_reads = counts[counts.size() - 2]};
    auto others = counts.back();
    auto next = counts.begin();
    auto const take = [&](call const& c) {
        others -= *next;
        all.by_name[std::string(c.name)] = *next++;
    };
    std::ranges::for_each(reads, take);
    std::ranges::for_each(other_calls, take);
    all.by_name["others"] = others;
    return all;
}

// ── strace ──

std::vector<std::string> strace_arguments(std::string const& process) {
    return {"-c", "exec strace -qqfc -o /dev/stdout -p " + process};
}

// Reads the table of strace -c: % time, seconds, usecs/call, calls, errors if there are any, name.
counted_calls read_strace(std::string const& text, std::int64_t requests) {
    counted_calls all{.requests = requests};
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        std::istringstream in(line);
        std::vector<std::string> const words{std::istream_iterator<std::string>(in), {}};
        if (words.size() < 5 || words.back() == "total" ||
            words[3].find_first_not_of("0123456789") != line.npos)
            continue;
        all.by_name[words.back()] = std::stoll(words[3]);
        if (words.size() > 5 && std::ranges::find(reads, words.back(), &call::name) != std::end(reads))
            all.vain_reads += std::stoll(words[4]);
    }
    return all;
}

void wait_until_traced(pid_t server) {
    for (auto const end = clock::now() + 10s; !is_traced(server); std::this_thread::sleep_for(10ms))
        if (clock::now() > end)
            throw std::runtime_error("strace does not trace the server");
}

} // namespace

std::int64_t counted_calls::all() const {
    std::int64_t sum = 0;
    for (auto const& [name, calls] : by_name)
        sum += calls;
    return sum;
}

std::int64_t counted_calls::epoll_ctl() const {
    auto const found = by_name.find("epoll_ctl");
    return found == by_name.end() ? 0 : found->second;
}

std::string counted_calls::in_words() const {
    std::vector<std::pair<std::int64_t, std::string>> sorted;
    for (auto const& [name, calls] : by_name)
        if (calls * 100 > requests)
            sorted.emplace_back(calls, name);
    std::ranges::sort(sorted, std::greater{});
    std::string text;
    for (auto const& [calls, name] : sorted)
        text += joined(text.empty() ? "" : ", ", name, " ",
                       fixed(static_cast<double>(calls) / static_cast<double>(requests), 2));
    return text;
}

counter find_counter() {
    if (is_in_path("perf") &&
        run_program("/usr/bin/env", {"perf", "stat", "--log-fd", "1", "-e", "raw_syscalls:sys_enter", "true"},
                    10s)
            .complaint.empty())
        return counter::perf_stat;
    return is_in_path("strace") ? counter::strace : counter::none;
}

counted_calls count_calls(counter by, server const& which, row const& r, pair_of_cpus cpus,
                          std::int64_t requests) {
    running_server s(which, r.protocol, cpus.server);
    auto const process = std::to_string(s.process.id());
    child load(
        cpus.client, beside_this("net_load"),
        {std::string(r.name), s.port, std::to_string(r.connections), "count", std::to_string(requests)});
    load.line(time_limit);
    bool const perf = by == counter::perf_stat;
    child tool(cpus.client, "sh", perf ? perf_arguments(process) : strace_arguments(process));
    if (perf) {
        tool.say("enable");
        while (tool.line(time_limit) != "ack") {
        }
    } else {
        wait_until_traced(s.process.id());
    }
    load.say("go");
    load.line(time_limit);
    tool.interrupt();
    auto const output = tool.end(time_limit, SIGINT);
    return perf ? read_perf(output, requests) : read_strace(output, requests);
}

} // namespace perf::net
