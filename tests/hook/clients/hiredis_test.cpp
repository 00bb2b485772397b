// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// hiredis_test.cpp: hiredis. The server is a small one, which knows BLPOP.

#include "tests/hook/clients/crowd.hpp"
#include "tests/hook/clients/server_process.hpp"

#include <hiredis/hiredis.h>
#include <memory>

namespace {

// A connection of a server of RESP. It knows one command: *3 $5 BLPOP $n answers:<number> $1 0, with a line
// end after each word.
class resp_session {
public:
    explicit resp_session(tests::plain_connection client) : client_(std::move(client)) {
        std::string const command = client_.read_until("$1\r\n0\r\n");
        key_ = command.substr(command.find("answers:"));
        key_.erase(key_.find("\r\n"));
    }
    void answer() const {
        std::string const value = tests::answer_to(std::stoi(key_.substr(key_.find(':') + 1)));
        client_.write("*2\r\n" + bulk(key_) + bulk(value));
    }

private:
    static std::string bulk(std::string const& text) {
        std::string coded = std::to_string(text.size());
        return coded.insert(0, 1, '$').append("\r\n").append(text).append("\r\n");
    }
    tests::plain_connection client_;
    std::string key_;
};

struct free_redis {
    void operator()(redisContext* c) const noexcept { redisFree(c); }
    void operator()(redisReply* r) const noexcept { freeReplyObject(r); }
};

} // namespace

TEST_CASE("hiredis parks", "[hook_clients]") {
    tests::raise_descriptor_limit();
    tests::inet_address at;
    auto const bound = tests::bound_socket(SOCK_STREAM, at);
    tests::server_process server(bound, tests::crowd_size(), [](tests::descriptor connection) {
        return resp_session(tests::plain_connection(std::move(connection)));
    });
    tests::expect expect;
    fiber::runtime here;
    tests::check_crowd(here, server, [&](int i) {
        std::unique_ptr<redisContext, free_redis> const redis(
            redisConnect("127.0.0.1", ntohs(at.value.sin_port)));
        if (!expect(redis != nullptr && redis->err == 0, "redisConnect"))
            return;
        std::unique_ptr<redisReply, free_redis> const reply(
            static_cast<redisReply*>(redisCommand(redis.get(), "BLPOP answers:%d 0", i)));
        if (!expect(reply != nullptr && reply->type == REDIS_REPLY_ARRAY && reply->elements == 2,
                    "the reply"))
            return;
        redisReply const& value = *reply->element[1];
        expect(std::string(value.str, value.len) == tests::answer_to(i), "the value");
    });
}
