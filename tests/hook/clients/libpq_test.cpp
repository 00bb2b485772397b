// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// libpq_test.cpp: libpq, the client library of PostgreSQL. The server is made for the test, in a new
// directory, and ends with it.

#include "tests/hook/clients/crowd.hpp"
#include "tests/hook/clients/server_process.hpp"

#include <grp.h>
#include <libpq-fe.h>
#include <memory>
#include <pwd.h>

namespace {

struct free_pq {
    void operator()(PGconn* c) const noexcept { PQfinish(c); }
    void operator()(PGresult* r) const noexcept { PQclear(r); }
};
using connection = std::unique_ptr<PGconn, free_pq>;

// Returns the first value of the last command, or what libpq says about its failure.
std::string ask(connection const& c, std::string const& commands) {
    std::unique_ptr<PGresult, free_pq> const result(PQexec(c.get(), commands.c_str()));
    return PQresultStatus(result.get()) == PGRES_TUPLES_OK ? PQgetvalue(result.get(), 0, 0)
                                                           : PQerrorMessage(c.get());
}

// PostgreSQL refuses to run as root.
class unprivileged_user {
public:
    void give(std::string const& path) const {
        if (::getuid() == 0)
            tests::must(::chown(path.c_str(), user_->pw_uid, user_->pw_gid) == 0);
    }
    void become() const {
        if (::getuid() == 0)
            tests::must(::setgroups(0, nullptr) == 0 && ::setgid(user_->pw_gid) == 0 &&
                        ::setuid(user_->pw_uid) == 0);
    }

private:
    passwd const* const user_ = ::getpwnam("nobody");
};

class database {
public:
    explicit database(int clients) {
        nobody_.give(directory_.file(""));
        auto const initdb =
            run("initdb", {"--no-sync", "--auth=trust", "--username=fiber", "--pgdata=" + data()});
        tests::must(initdb->wait() == 0);
        server_ = run("postgres", {"-D", data(), "-k", data(), "-h", "", "-F", "-N",
                                   std::to_string(clients + 10), "-c", "log_min_messages=panic"});
        tests::until([this] { return PQping(address().c_str()) == PQPING_OK; });
    }
    [[nodiscard]] std::string address() const { return "host=" + data() + " user=fiber dbname=postgres"; }

private:
    [[nodiscard]] std::string data() const { return directory_.file("data"); }
    // FIBER_POSTGRESQL is the directory of the programs.
    [[nodiscard]] std::unique_ptr<tests::child_process> run(std::string const& program,
                                                            std::vector<std::string> arguments) const {
        arguments.insert(arguments.begin(), FIBER_POSTGRESQL "/" + program);
        auto const body = [&](pid_t parent) {
            nobody_.become();
            tests::end_with(parent, SIGQUIT);
            tests::must(std::freopen("/dev/null", "w", stdout) != nullptr);
            std::vector<char*> words;
            for (std::string& word : arguments)
                words.push_back(word.data());
            words.push_back(nullptr);
            ::execv(words[0], words.data());
            tests::must(false);
        };
        return std::make_unique<tests::child_process>(body, SIGQUIT); // ends all processes of the server
    }
    unprivileged_user nobody_;
    tests::temporary_directory directory_;
    std::unique_ptr<tests::child_process> server_;
};

// Holds a lock of the database for each client.
class locks {
public:
    locks(std::string const& address, int clients) : admin_(PQconnectdb(address.c_str())) {
        ask(admin_,
            "SELECT pg_advisory_lock(n) FROM generate_series(0, " + std::to_string(clients - 1) + ") AS n");
    }
    void wait_for_questions(int n) const {
        tests::until([&] {
            return ask(admin_, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") ==
                   std::to_string(n);
        });
    }
    void answer(int i) const { ask(admin_, "SELECT pg_advisory_unlock(" + std::to_string(i) + ")"); }

private:
    connection admin_;
};

} // namespace

TEST_CASE("libpq parks", "[hook_clients]") {
    tests::raise_descriptor_limit();
    static database const server(tests::crowd_size()); // for both runs of this case
    locks of_clients(server.address(), tests::crowd_size());
    tests::expect expect;
    fiber::runtime here;
    tests::check_crowd(here, of_clients, [&](int i) {
        connection const c(PQconnectdb(server.address().c_str()));
        std::string const number = std::to_string(i);
        std::string const text = ask(c, "SELECT pg_advisory_lock(" + number +
                                            ");"
                                            "SELECT repeat(word, (49999 + length(word)) / length(word)) "
                                            "FROM format('%s squared is %s; ', " +
                                            number + ", " + number + " * " + number + ") AS word");
        expect(text == tests::answer_to(i), "the text");
    });
}
