// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// httplib_test.cpp: a server of cpp-httplib with a fiber for each task. The clients are plain sockets:
// httplib::Client holds a recursive mutex during a request, and under it hooked calls do not park.

#include "tests/hook/clients/crowd.hpp"
#include "tests/hook/clients/server_process.hpp"

#include <fiber/wait_group.hpp>

#include <functional>
#include <httplib.h>
#include <string_view>

namespace {

// Runs each connection in a fiber.
class fiber_queue : public httplib::TaskQueue {
public:
    void enqueue(std::function<void()> task) override { tasks_.go(std::move(task)); }
    void shutdown() override { tasks_.wait(); }

private:
    fiber::wait_group tasks_;
};

// Its handlers wait for a slow back-end, which is a pipe.
class square_server {
public:
    square_server() {
        server_.new_task_queue = [] { return new fiber_queue; };
        server_.set_read_timeout(std::chrono::minutes(5));
        server_.Get(R"(/(\d+))", [this](httplib::Request const& request, httplib::Response& response) {
            ++asked_;
            char c = 0;
            tests::must(::read(back_end_.in.get(), &c, 1) == 1);
            response.set_content(tests::answer_to(std::stoi(request.matches[1])), "text/plain");
        });
        int listener = -1;
        server_.set_socket_options([&](int socket) { listener = socket; });
        at_.value.sin_port = htons(static_cast<std::uint16_t>(server_.bind_to_any_port("127.0.0.1")));
        tests::must(::listen(listener, SOMAXCONN) == 0); // httplib lets five connections wait
        listening_ = here_.go([this] { server_.listen_after_bind(); });
    }
    ~square_server() {
        server_.stop();
        listening_.join();
    }
    square_server(square_server const&) = delete;
    square_server& operator=(square_server const&) = delete;

    [[nodiscard]] fiber::runtime& runtime() noexcept { return here_; }
    // Connects, and sends the text.
    [[nodiscard]] tests::descriptor ask(std::string_view text) const {
        tests::inet_address at = at_;
        tests::descriptor socket(::socket(AF_INET, SOCK_STREAM, 0));
        tests::must(::connect(socket.get(), at.get(), at.size) == 0);
        send(socket, text);
        return socket;
    }
    static void send(tests::descriptor const& socket, std::string_view text) {
        tests::must(::send(socket.get(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
    }
    void wait_for_questions(int n) const {
        tests::until([&] { return asked_ >= n; });
    }
    void answer(int) { tests::must(::write(back_end_.out.get(), "x", 1) == 1); }

private:
    std::atomic<int> asked_{0};
    tests::descriptor_pair back_end_ = tests::pipe_pair();
    tests::inet_address at_;
    httplib::Server server_;
    fiber::runtime here_;
    fiber::handle listening_;
};

std::string request_of(int client) { return "GET /" + std::to_string(client) + " HTTP/1.0\r\n\r\n"; }

// Returns the body of the response that comes up to the end of the connection.
std::string body_from(tests::descriptor const& socket) {
    std::string response;
    char buffer[8192];
    while (ssize_t const n = ::recv(socket.get(), buffer, sizeof buffer, 0)) {
        tests::must(n > 0);
        response.append(buffer, static_cast<std::size_t>(n));
    }
    return response.substr(response.find("\r\n\r\n") + 4);
}

} // namespace

TEST_CASE("handlers of cpp-httplib park", "[hook_clients]") {
    tests::raise_descriptor_limit();
    square_server server;
    tests::expect expect;
    tests::check_crowd(server.runtime(), server, [&](int i) {
        expect(body_from(server.ask(request_of(i))) == tests::answer_to(i), "the body");
    });
}

TEST_CASE("connections of cpp-httplib that send slowly park", "[hook_clients]") {
    tests::raise_descriptor_limit();
    int const size = tests::crowd_size();
    square_server server;
    for (int i = 0; i < size; ++i)
        server.answer(i);
    // In another process, so that this one has a descriptor for each connection, and not two.
    auto const control = tests::unix_sockets();
    tests::child_process const clients([&](pid_t) {
        std::vector<tests::descriptor> sockets;
        for (int i = 0; i < size; ++i)
            sockets.push_back(server.ask(request_of(i).substr(0, 3)));
        char c = 0;
        tests::must(::read(control.in.get(), &c, 1) == 1);
        for (int i = 0; i < size; ++i) {
            auto const& socket = sockets[static_cast<std::size_t>(i)];
            square_server::send(socket, request_of(i).substr(3));
            tests::must(body_from(socket) == tests::answer_to(i));
        }
        tests::must(::write(control.in.get(), "x", 1) == 1);
    });
    tests::until_parked(static_cast<unsigned>(size) + 1, server.runtime());
    auto const waiting = server.runtime().stats();
    CHECK(waiting.machines < 20); // they all come at once
    tests::must(::write(control.out.get(), "x", 1) == 1);
    char c = 0;
    CHECK(::read(control.out.get(), &c, 1) == 1);
    std::printf("%d slow connections of cpp-httplib: %u processors, %u machines\n", size, waiting.processors,
                server.runtime().stats().machines);
}
