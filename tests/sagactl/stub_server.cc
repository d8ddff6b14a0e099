#include "tests/sagactl/stub_server.h"

#include <httplib.h>

#include "base/check.h"

namespace saga::ctl {

StubServer::StubServer() { up(); }
StubServer::~StubServer() { down(); }

void StubServer::up() {
  server_ = std::make_unique<httplib::Server>();
  const auto serve = [this](const httplib::Request& request, httplib::Response& response) {
    StubRequest seen{request.method, request.target, {}, {}, request.body};
    for (const auto& [name, value] : request.headers) seen.headers[name] = value;
    for (const auto& [name, value] : request.params) seen.query[name] = value;
    const StubReply reply = answer(seen, request.path);
    response.status = reply.status;
    for (const auto& [name, value] : reply.headers) response.set_header(name, value);
    if (!reply.lost) return response.set_content(reply.body, reply.content_type);
    response.set_chunked_content_provider(reply.content_type, [body = reply.body](std::size_t offset,
                                                                                  httplib::DataSink& sink) {
      return offset == 0 && !body.empty() && sink.write(body.data(), body.size());  // And then no end, only silence.
    });
  };
  server_->new_task_queue = [] { return new httplib::ThreadPool(32); };  // A kept connection holds a thread.
  server_->Get(".*", serve);
  server_->Post(".*", serve);
  if (port_ == 0) {
    port_ = server_->bind_to_any_port("127.0.0.1");
  } else {
    SAGA_CHECK(server_->bind_to_port("127.0.0.1", port_), "the port is still free");
  }
  thread_ = std::thread([this] { server_->listen_after_bind(); });
  while (!server_->is_running()) std::this_thread::yield();  // Else `down` would have nothing to stop.
}

void StubServer::down() {
  if (!server_) return;
  server_->stop();
  thread_.join();
  server_.reset();
}

void StubServer::script(const std::string& method_and_path, std::vector<StubReply> replies) {
  const std::lock_guard lock(mutex_);
  scripts_[method_and_path] = {std::move(replies), 0, {}};
}

void StubServer::answer_by(const std::string& method_and_path, std::function<StubReply(const StubRequest&)> made) {
  const std::lock_guard lock(mutex_);
  scripts_[method_and_path] = {{}, 0, std::move(made)};
}

StubReply StubServer::answer(const StubRequest& request, const std::string& path) {
  const std::lock_guard lock(mutex_);
  requests_.push_back(request);
  std::string key = request.method + " " + path;
  const auto accept = request.headers.find("Accept");
  if (accept != request.headers.end() && accept->second == "text/event-stream") key = "STREAM " + path;
  const auto at = scripts_.find(key);
  if (at == scripts_.end()) return problem(404, "nothing at " + key);
  Script& script = at->second;
  if (script.made) return script.made(request);
  const StubReply reply = script.replies.at(script.next);
  if (script.next + 1 < script.replies.size()) ++script.next;
  return reply;
}

std::vector<StubRequest> StubServer::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

std::string StubServer::url() const { return "http://127.0.0.1:" + std::to_string(port_); }

Json saga(const std::string& id, const std::string& status) {
  return {{"id", id},
          {"workflow", "order-saga"},
          {"version", 1},
          {"status", status},
          {"needs_attention", false},
          {"allowed", Json::array()},
          {"created_at", "2026-11-23T03:21:19.000Z"},
          {"started_at", "2026-11-23T03:21:19.000Z"},
          {"steps", Json::array()},
          {"stuck", Json::array()}};
}

StubReply problem(int status, const std::string& detail, Json more) {
  more["status"] = status;
  more["detail"] = detail;
  return {status, more.dump(), {}, "application/problem+json"};
}

}  // namespace saga::ctl
