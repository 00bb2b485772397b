// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "perf/net/rows.hpp"

#include "perf/harness/process.hpp"

namespace perf::net {

std::vector<server> servers() {
    std::vector<server> all{
        {"pthreads", "net_server_threads"}, {"Go", "net_server_go", "golang-go"},
        {"epoll loop", "net_server_epoll"}, {"fiber::net", "net_server_net"},
        {"fiber::io", "net_server_io"},     {"fiber::hook", "net_server_hook"},
    };
    for (auto& s : all) {
        s.program = beside_this(s.program);
        s.version = first_line_of(s.program, {"version"});
    }
    return all;
}

std::vector<row> const& rows() {
    static std::vector<row> const all{
        {.name = "echo",
         .title = "200 connections, 64 B there and back",
         .protocol = "echo",
         .connections = 200},
        {.name = "echo_one",
         .title = "one connection, 64 B, client and server on one CPU",
         .protocol = "echo",
         .connections = 1,
         .one_cpu = true},
        {.name = "http",
         .title = "256 connections of wrk, the same bytes from all",
         .protocol = "http",
         .connections = 256,
         .with_wrk = true},
        {.name = "stream",
         .title = "one connection, blocks of 512 B, 64 on their way",
         .protocol = "echo",
         .connections = 1},
    };
    return all;
}

std::vector<goal> const& goals() {
    using enum goal::of;
    static std::vector<goal> const all{
        {"echo", "fiber::net", rate, 1.15, "Go"},
        {"echo", "fiber::net", rate, 0.95, "epoll loop"},
        {"echo", "fiber::net", p99, 1, "Go"},
        {"echo", "fiber::net", vain_reads, 0.01},
        {"echo", "fiber::net", epoll_ctl, 0},
        {"echo", "fiber::io", rate, 0.97, "fiber::net"},
        {"echo_one", "fiber::net", p50, 1.10, "pthreads"},
        {"echo_one", "fiber::net", calls, 3},
        {"http", "fiber::net", rate, 1.25, "Go"},
        {"stream", "fiber::net", rate, 1, "Go"},
    };
    return all;
}

} // namespace perf::net
