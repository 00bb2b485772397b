// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// server_process.hpp: servers in child processes, so that their threads do not count. They end with the test.
#pragma once

#include "tests/hook/clients/crowd.hpp"
#include "tests/support/child.hpp"
#include "tests/support/descriptors.hpp"

#include <csignal>
#include <string>
#include <string_view>
#include <sys/prctl.h>
#include <utility>
#include <vector>

namespace tests {

// Sends the calling process this signal when its parent ends. A change of the user undoes it.
inline void end_with(pid_t parent, int signal) {
    must(::prctl(PR_SET_PDEATHSIG, signal) == 0);
    if (::getppid() != parent)
        ::_exit(1);
}

// A child process that runs body(parent), and gets the signal at the end of this object or process.
class child_process {
public:
    template <class Body>
    explicit child_process(Body const& body, int signal = SIGKILL) : signal_(signal) {
        pid_t const parent = ::getpid();
        pid_ = ::fork();
        must(pid_ >= 0);
        if (pid_ != 0)
            return;
        end_with(parent, signal);
        body(parent);
        ::_exit(0);
    }
    ~child_process() {
        if (pid_ < 0)
            return;
        ::kill(pid_, signal_);
        wait();
    }
    // Returns the status as status_of() does.
    int wait() { return status_of(std::exchange(pid_, -1)); }
    child_process(child_process const&) = delete;
    child_process& operator=(child_process const&) = delete;

private:
    int signal_;
    pid_t pid_;
};

// A connection that a server has accepted.
class plain_connection {
public:
    explicit plain_connection(descriptor connected) : socket_(std::move(connected)) {}
    // Reads up to this mark.
    [[nodiscard]] std::string read_until(std::string_view mark) const {
        std::string text;
        char c = 0;
        while (!text.ends_with(mark) && ::read(socket_.get(), &c, 1) == 1)
            text += c;
        return text;
    }
    void write(std::string_view text) const {
        while (!text.empty()) {
            ssize_t const n = ::write(socket_.get(), text.data(), text.size());
            must(n > 0);
            text.remove_prefix(static_cast<std::size_t>(n));
        }
    }

private:
    descriptor socket_;
};

// A client of a server that is asked by a line with a number.
template <class Connection>
class line_session {
public:
    explicit line_session(Connection client)
        : client_(std::move(client)), question_(std::stoi(client_.read_until("\n"))) {}
    void answer() { client_.write(answer_to(question_) + "\n"); }

private:
    Connection client_;
    int question_;
};

// A server of the crowd with one thread. open(descriptor) makes the session of a connection, and reads the
// question; its answer() answers.
class server_process {
public:
    template <class Open>
    server_process(descriptor const& bound, int clients, Open const& open)
        : process_((must(::listen(bound.get(), SOMAXCONN) == 0),
                    [&](pid_t) { serve(bound.get(), clients, open); })) {
        control_.out.close();
    }

    void wait_for_questions(int n) {
        for (char c = 0; asked_ < n; ++asked_)
            must(::read(control_.in.get(), &c, 1) == 1);
    }
    void answer(int) { must(::write(control_.in.get(), "x", 1) == 1); }

private:
    template <class Open>
    void serve(int listener, int clients, Open const& open) {
        control_.in.close();
        char c = 'x';
        std::vector<decltype(open(descriptor()))> sessions;
        for (int i = 0; i < clients; ++i) {
            sessions.push_back(open(descriptor(::accept(listener, nullptr, nullptr))));
            must(::write(control_.out.get(), &c, 1) == 1);
        }
        for (auto& session : sessions) {
            must(::read(control_.out.get(), &c, 1) == 1);
            session.answer();
        }
    }
    int asked_ = 0;
    descriptor_pair control_ = unix_sockets();
    child_process process_;
};

} // namespace tests
