// https: who is trusted, and that what holds for plain connections holds for these.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <csignal>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "tests/workers/dispatcher/caller.h"
#include "tests/workers/dispatcher/scripted_worker.h"

namespace saga::workers::testing {
namespace {

template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* held) const {
    Free(held);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using TlsContext = std::unique_ptr<SSL_CTX, Freed<SSL_CTX_free>>;
using Tls = std::unique_ptr<SSL, Freed<SSL_free>>;

struct Identity {
  Key key;
  Certificate certificate;
};

/// A certificate for `names` ("DNS:localhost,IP:127.0.0.1"), signed by `issuer`; by itself, as an authority, without
/// one.
Identity make_identity(const char* common_name, const char* names, const Identity* issuer) {
  Identity made{Key(EVP_EC_gen("P-256")), Certificate(X509_new())};
  X509* certificate = made.certificate.get();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), issuer == nullptr ? 1 : 2);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -3'600);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 86'400);
  X509_set_pubkey(certificate, made.key.get());
  X509_NAME* subject = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(common_name), -1, -1,
                             0);
  X509* signer = issuer == nullptr ? certificate : issuer->certificate.get();
  X509_set_issuer_name(certificate, X509_get_subject_name(signer));
  const auto extend = [&](int what, const char* value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, signer, certificate, nullptr, nullptr, 0);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, what, value);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
  };
  if (issuer == nullptr) extend(NID_basic_constraints, "critical,CA:TRUE");
  if (names != nullptr) extend(NID_subject_alt_name, names);
  X509_sign(certificate, (issuer == nullptr ? made : *issuer).key.get(), EVP_sha256());
  return made;
}

/// The worker's end of TLS on a connection.
class TlsPeer {
 public:
  TlsPeer(Peer& peer, const Identity& identity) : context_(SSL_CTX_new(TLS_server_method())) {
    std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes to the socket of a caller that has refused us and gone.
    SSL_CTX_use_certificate(context_.get(), identity.certificate.get());
    SSL_CTX_use_PrivateKey(context_.get(), identity.key.get());
    tls_.reset(SSL_new(context_.get()));
    SSL_set_fd(tls_.get(), peer.fd());
    accepted_ = SSL_accept(tls_.get()) == 1;
  }

  [[nodiscard]] bool accepted() const { return accepted_; }
  [[nodiscard]] std::string server_name() const {
    const char* name = SSL_get_servername(tls_.get(), TLSEXT_NAMETYPE_host_name);
    return name == nullptr ? "" : name;
  }

  /// The next request, which the tests keep to one record.
  std::optional<std::string> read_request() {
    std::string bytes(16 << 10, '\0');
    const int count = SSL_read(tls_.get(), bytes.data(), static_cast<int>(bytes.size()));
    if (count <= 0) return std::nullopt;
    bytes.resize(static_cast<std::size_t>(count));
    return bytes;
  }
  void send(std::string_view bytes) { SSL_write(tls_.get(), bytes.data(), static_cast<int>(bytes.size())); }
  void say_goodbye() { SSL_shutdown(tls_.get()); }

 private:
  TlsContext context_;
  Tls tls_;
  bool accepted_ = false;
};

class DispatcherTls : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    authority_ = new Identity(make_identity("Test Authority", nullptr, nullptr));
    worker_ = new Identity(make_identity("worker", "DNS:localhost,IP:127.0.0.1", authority_));
    stranger_ = new Identity(make_identity("stranger", "DNS:localhost,IP:127.0.0.1", nullptr));
    elsewhere_ = new Identity(make_identity("elsewhere", "DNS:elsewhere.example", authority_));
    file_ = std::filesystem::temp_directory_path() / fmt::format("dispatcher-tls-{}.pem", ::getpid());
    std::FILE* file = std::fopen(file_.c_str(), "w");
    ASSERT_NE(file, nullptr);
    PEM_write_X509(file, authority_->certificate.get());
    std::fclose(file);
    ::setenv("SSL_CERT_FILE", file_.c_str(), 1);
  }
  static void TearDownTestSuite() {
    ::unsetenv("SSL_CERT_FILE");
    std::filesystem::remove(file_);
    for (const Identity* identity : {authority_, worker_, stranger_, elsewhere_}) delete identity;
  }

  /// Answers every request of a connection with `answer`.
  static ScriptedWorker::Script answer_with(const Identity& identity, std::string answer) {
    return [&identity, answer = std::move(answer)](Peer& peer, ScriptedWorker& worker) {
      TlsPeer tls(peer, identity);
      worker.note(tls.accepted() ? "accepted for '" + tls.server_name() + "'" : "refused");
      while (tls.accepted() && tls.read_request()) {
        worker.note("request");
        tls.send(answer);
      }
    };
  }

  static inline const Identity* authority_ = nullptr;
  static inline const Identity* worker_ = nullptr;
  static inline const Identity* stranger_ = nullptr;
  static inline const Identity* elsewhere_ = nullptr;
  static inline std::filesystem::path file_;
};

TEST_F(DispatcherTls, CallsAWorkerOfATrustedAuthorityAndReusesTheConnection) {
  ScriptedWorker worker(answer_with(*worker_, http_answer(200, "{}")));
  Caller caller({worker.url("localhost", "https")});
  for (int i = 0; i < 5; ++i) EXPECT_EQ(status_of(caller.call()), 200);
  EXPECT_EQ(worker.count("request"), 5);
  EXPECT_EQ(worker.count("accepted for 'localhost'"), 1);
  EXPECT_EQ(worker.connections(), 1);
}

TEST_F(DispatcherTls, ChecksAnAddressAgainstTheCertificateToo) {
  ScriptedWorker worker(answer_with(*worker_, http_answer(200, "{}")));
  Caller caller({worker.url("127.0.0.1", "https")});
  EXPECT_EQ(status_of(caller.call()), 200);
  EXPECT_EQ(worker.count("accepted for ''"), 1) << "an address is no server name";
}

TEST_F(DispatcherTls, SendsNothingToAWorkerItCannotTrust) {
  for (const Identity* identity : {stranger_, elsewhere_}) {
    ScriptedWorker worker(answer_with(*identity, http_answer(200, "{}")));
    Caller caller({worker.url("localhost", "https")});
    const CallOutcome outcome = caller.call();
    ASSERT_TRUE(is_not_sent(outcome, NotSent::Reason::kUnreachable));
    EXPECT_THAT(std::get<NotSent>(outcome).message, ::testing::HasSubstr("certificate verify failed"));
    EXPECT_EQ(worker.count("request"), 0);
  }
}

TEST_F(DispatcherTls, ReportsAFailedHandshakeAsNotSent) {
  ScriptedWorker plain([](Peer& peer, ScriptedWorker&) { peer.send("HTTP/1.1 400 Bad Request\r\n\r\n"); });
  ScriptedWorker closing([](Peer& peer, ScriptedWorker&) { peer.close(); });
  ScriptedWorker silent([](Peer& peer, ScriptedWorker&) { peer.wait_closed(); });
  for (ScriptedWorker* worker : {&plain, &closing, &silent}) {
    Caller caller({worker->url("localhost", "https")});
    EXPECT_TRUE(is_not_sent(caller.call(Caller::post("{}", Millis(300))), NotSent::Reason::kUnreachable));
  }
}

TEST_F(DispatcherTls, NeverRepeatsACallThatWasLost) {
  for (const bool partly_answered : {false, true}) {
    ScriptedWorker worker([&](Peer& peer, ScriptedWorker& self) {
      TlsPeer tls(peer, *worker_);
      if (!tls.read_request()) return;
      self.note("request");
      if (partly_answered) tls.send("HTTP/1.1 200 OK\r\n\r\nwithout an end");  // Cut off, not ended: no goodbye.
      peer.reset();
    });
    Caller caller({worker.url("localhost", "https")});
    EXPECT_TRUE(is_unknown(caller.call(), OutcomeUnknown::Reason::kConnectionLost));
    EXPECT_EQ(worker.count("request"), 1);
  }
}

TEST_F(DispatcherTls, ReadsABodyUntilAProperEnd) {
  ScriptedWorker worker([](Peer& peer, ScriptedWorker&) {
    TlsPeer tls(peer, *worker_);
    tls.read_request();
    tls.send("HTTP/1.1 200 OK\r\n\r\nall of it");
    tls.say_goodbye();
    peer.close();
  });
  Caller caller({worker.url("localhost", "https")});
  EXPECT_EQ(body_of(caller.call()), "all of it");
}

TEST_F(DispatcherTls, ReportsATimeoutAsUnknown) {
  ScriptedWorker worker([](Peer& peer, ScriptedWorker& self) {
    TlsPeer tls(peer, *worker_);
    tls.read_request();
    peer.wait_closed();
    self.note("closed");
  });
  Caller caller({worker.url("localhost", "https")});
  EXPECT_TRUE(is_unknown(caller.call(Caller::post("{}", Millis(2'000))), OutcomeUnknown::Reason::kTimeout));
  EXPECT_TRUE(worker.wait_for("closed"));
}

TEST_F(DispatcherTls, TakesNoExtraRecordForTheAnswerOfALaterCall) {
  ScriptedWorker worker([](Peer& peer, ScriptedWorker& self) {
    TlsPeer tls(peer, *worker_);
    if (!tls.read_request()) return;
    tls.send(http_answer(200, peer.number() == 1 ? "1" : "3"));
    if (peer.number() == 1) tls.send(http_answer(200, "2"));
    self.note("sent");
    peer.wait_closed();
  });
  Caller caller({worker.url("localhost", "https")});
  EXPECT_EQ(body_of(caller.call()), "1");
  ASSERT_TRUE(worker.wait_for("sent"));
  EXPECT_EQ(body_of(caller.call()), "3");
}

TEST_F(DispatcherTls, LosesNoCallToAConnectionThatTheWorkerHasClosed) {
  ScriptedWorker worker([](Peer& peer, ScriptedWorker& self) {
    TlsPeer tls(peer, *worker_);
    if (!tls.read_request()) return;
    self.note("request");
    tls.send(http_answer(200, "{}"));
    tls.say_goodbye();
    peer.close();
    self.note("closed");
  });
  Caller caller({worker.url("localhost", "https")});
  for (int i = 1; i <= 10; ++i) {
    EXPECT_EQ(status_of(caller.call()), 200);
    ASSERT_TRUE(worker.wait_for("closed", i));
  }
  EXPECT_EQ(worker.count("request"), 10);
}

TEST_F(DispatcherTls, CarriesLargeBodiesBothWays) {
  const std::string large(900'000, 'x');
  ScriptedWorker worker([&](Peer& peer, ScriptedWorker& self) {
    TlsPeer tls(peer, *worker_);
    std::string seen;
    while (seen.size() < large.size()) {
      const auto more = tls.read_request();
      if (!more) return;
      seen += *more;
      if (seen.ends_with("\r\n\r\n" + large)) self.note("whole");
    }
    tls.send(http_answer(200, large));
    peer.wait_closed();
  });
  Caller caller({worker.url("localhost", "https")});
  EXPECT_EQ(body_of(caller.call(Caller::post(large))), large);
  EXPECT_EQ(worker.count("whole"), 1);
}

}  // namespace
}  // namespace saga::workers::testing
