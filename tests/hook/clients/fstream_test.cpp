// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// fstream_test.cpp: std::ofstream and std::ifstream on fifos.

#include "tests/hook/clients/crowd.hpp"

#include <fstream>
#include <sys/stat.h>

namespace {

// All questions come through one fifo. Each client has a fifo for its answer.
class fifo_server {
public:
    explicit fifo_server(int clients) : questions_(make(questions())) {
        for (int i = 0; i < clients; ++i)
            answers_.push_back(make(answers(i)));
    }
    [[nodiscard]] std::string questions() const { return directory_.file("questions"); }
    [[nodiscard]] std::string answers(int i) const { return directory_.file("answers" + std::to_string(i)); }

    void wait_for_questions(int n) {
        for (std::string question; asked_ < n; ++asked_)
            tests::must(static_cast<bool>(std::getline(from_clients_, question)));
    }
    void answer(int i) const { std::ofstream(answers(i)) << tests::answer_to(i) << std::endl; }

private:
    // open() of a fifo waits for the other side, which is here.
    static tests::descriptor make(std::string const& name) {
        tests::must(::mkfifo(name.c_str(), 0600) == 0);
        return tests::descriptor(::open(name.c_str(), O_RDWR | O_CLOEXEC));
    }
    tests::temporary_directory directory_;
    tests::descriptor questions_;
    std::ifstream from_clients_{questions()};
    int asked_ = 0;
    std::vector<tests::descriptor> answers_;
};

} // namespace

TEST_CASE("std::ifstream on fifos parks", "[hook_clients]") {
    tests::raise_descriptor_limit();
    fifo_server server(tests::crowd_size());
    tests::expect expect;
    fiber::runtime here;
    tests::check_crowd(here, server, [&](int i) {
        std::ofstream to(server.questions());
        to << i << std::endl;
        std::ifstream from(server.answers(i));
        std::string answer;
        std::getline(from, answer);
        expect(from.good() && answer == tests::answer_to(i), "the answer");
    });
}
