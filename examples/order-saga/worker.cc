#include "examples/order-saga/worker.h"

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <exception>
#include <thread>

namespace order_saga {

using saga::Json;
using saga::workers::Refused;
using saga::workers::StepCall;
using saga::workers::StepServer;

namespace {

int complain(const std::string& name, const std::string& message) {
  std::fprintf(stderr, "%s: error: %s\n", name.c_str(), message.c_str());
  return 2;
}

bool fits(const Json& value, Is is) {
  switch (is) {
    case Is::kText:
      return value.is_string();
    case Is::kNumber:
      return value.is_number();
    case Is::kPositiveInteger:
      return value.is_number_integer() && value.get<std::int64_t>() > 0;
  }
  return false;
}

const char* name_of(Is is) {
  switch (is) {
    case Is::kText:
      return "a text";
    case Is::kNumber:
      return "a number";
    case Is::kPositiveInteger:
      return "a whole number from 1";
  }
  return "";
}

}  // namespace

int run(int argc, char** argv, const Worker& worker) {
  std::string listen = "127.0.0.1:0";
  std::string db = worker.name + ".db";
  CLI::App app("The " + worker.name + " service of the examples", worker.name);
  app.add_option("--listen", listen, "Where to listen, HOST:PORT; port 0: any free one")->capture_default_str();
  app.add_option("--db", db, "The SQLite database; made when it is not there")->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return error.get_exit_code() == 0 ? app.exit(error) : complain(worker.name, error.what());
  }

  // Blocked before any thread begins, so that only the wait below takes them.
  sigset_t stop_signals;
  sigemptyset(&stop_signals);
  sigaddset(&stop_signals, SIGTERM);
  sigaddset(&stop_signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stop_signals, nullptr);

  const auto store = saga::workers::open_sqlite_store(db, worker.schema);
  if (!store) return complain(worker.name, store.error().message);
  StepServer server(**store, {.listen = listen});
  try {
    worker.mount(server, db);
  } catch (const std::exception& error) {
    return complain(worker.name, error.what());
  }
  if (const auto started = server.start(); !started) return complain(worker.name, started.error().message);

  const std::string host = listen.substr(0, listen.rfind(':'));
  std::printf("%s ready on http://%s:%d\n", worker.name.c_str(), host.c_str(), server.port());
  std::fflush(stdout);
  std::jthread beside;
  if (worker.beside) beside = std::jthread([&](const std::stop_token& stop) { worker.beside(stop, server, db); });
  int signal = 0;
  sigwait(&stop_signals, &signal);
  beside.request_stop();
  if (beside.joinable()) beside.join();
  server.stop();
  return 0;
}

std::optional<Refused> unfit(const StepCall& call, const std::vector<std::pair<std::string, Is>>& fields) {
  for (const auto& [name, is] : fields) {
    const bool there = call.input.is_object() && call.input.contains(name);
    if (there && fits(call.input.at(name), is)) continue;
    const std::string came = there ? "it is " + saga::dump_json(call.input.at(name)) : "there is none";
    return Refused{"bad_input", "expected '" + name + "' to be " + name_of(is) + ", but " + came, 422};
  }
  return std::nullopt;
}

std::string text_of(const StepCall& call, const std::string& field) {
  if (!call.input.is_object()) return {};
  const auto found = call.input.find(field);
  return found != call.input.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace order_saga
