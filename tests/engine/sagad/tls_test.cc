// The real programs over TLS: sagad with a certificate made here, sagactl that trusts it or does not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/http_socket.h"
#include "tests/support/known_tokens.h"
#include "tests/support/sagad_process.h"

namespace saga::sagad {
namespace {

using testing::ChildProcess;
using ::testing::HasSubstr;
using testing::HttpSocket;
using testing::SagadProcess;
using testing::TempFolder;

constexpr const char* kWorkflow =
    "name: order\nversion: 1\nsteps:\n  - name: pay\n    service: payment\n    action: /pay\n    retry: { "
    "max_attempts: "
    "1 }\n";

struct Outcome {
  int exit = -1;
  std::string out;
  std::string err;
};
Outcome run(const std::vector<std::string>& command, const std::vector<std::string>& environment = {}) {
  ChildProcess child(command, environment);
  std::string out = child.read_rest();
  const int exit = child.wait();
  return {exit, std::move(out), child.stderr_text()};
}

class SagadTls : public ::testing::Test {
 protected:
  static void openssl(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), OPENSSL_PROGRAM);
    const Outcome made = run(arguments);
    ASSERT_EQ(made.exit, 0) << made.err;
  }
  /// Signed by itself, for `name` ("IP:127.0.0.1"): the certificate is the authority a client has to trust.
  void make_identity(const std::string& cert, const std::string& key, const std::string& name) {
    openssl({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
             "/CN=sagad", "-addext", "subjectAltName=" + name, "-keyout", folder_.path(key), "-out",
             folder_.path(cert)});
  }
  void SetUp() override { make_identity("cert.pem", "key.pem", "IP:127.0.0.1"); }

  [[nodiscard]] std::vector<std::string> with_tls(std::vector<std::string> more = {}) const {
    more.insert(more.begin(),
                {"--store", "memory", "--tls-cert", folder_.path("cert.pem"), "--tls-key", folder_.path("key.pem")});
    return more;
  }
  /// sagactl, trusting `ca` (a file of the folder).
  Outcome ctl(const SagadProcess& sagad, std::vector<std::string> arguments, const std::string& ca = "cert.pem") const {
    arguments.insert(arguments.begin(), {SAGACTL_BINARY, "--server", sagad.url()});
    if (!ca.empty()) arguments.insert(arguments.end(), {"--ca-file", folder_.path(ca)});
    return run(arguments);
  }

  TempFolder folder_;
};

TEST_F(SagadTls, ServesHttpsToWhomTrustsItsCertificate) {
  SagadProcess sagad(with_tls({"--tokens", folder_.write("tokens", testing::kTokensFile), "--workflows",
                               folder_.write("order.yaml", kWorkflow), "--service", "payment=http://127.0.0.1:1"}));
  ASSERT_TRUE(sagad.ready()) << sagad.child().stderr_text();
  EXPECT_THAT(sagad.url(), HasSubstr("https://127.0.0.1:"));
  const std::string starter = folder_.write("starter", "starter-token\n");
  const Outcome started = ctl(sagad, {"start", "order", "--id", "order-1", "--token-file", starter});
  EXPECT_EQ(started.exit, 0) << started.err;
  const Outcome followed = ctl(sagad, {"events", "order-1", "--follow", "--token-file", starter});
  EXPECT_EQ(followed.exit, 0) << followed.err;
  EXPECT_THAT(followed.out, HasSubstr("saga_compensated"));
  const Outcome from_environment = run(
      {SAGACTL_BINARY, "inspect", "order-1"},
      {"SAGACTL_SERVER=" + sagad.url(), "SAGACTL_TOKEN=reader-token", "SAGACTL_CA_FILE=" + folder_.path("cert.pem")});
  EXPECT_EQ(from_environment.exit, 0) << from_environment.err;
  EXPECT_THAT(from_environment.out, HasSubstr("COMPENSATED"));
  EXPECT_EQ(ctl(sagad, {"stats"}).exit, 4) << "a token is asked for over TLS as well";
  sagad.child().kill(SIGTERM);
  EXPECT_EQ(sagad.child().wait(), 0);
}

TEST_F(SagadTls, WhoDoesNotTrustItSendsNothing) {
  make_identity("other.pem", "other-key.pem", "IP:127.0.0.1");
  SagadProcess sagad(with_tls());
  ASSERT_TRUE(sagad.ready()) << sagad.child().stderr_text();
  for (const char* ca : {"", "other.pem"}) {
    const Outcome refused = ctl(sagad, {"stats"}, ca);
    EXPECT_EQ(refused.exit, 5) << ca;
    EXPECT_THAT(refused.err, HasSubstr("the certificate of " + sagad.url() + " could not be verified"));
  }
  const Outcome missing = ctl(sagad, {"stats"}, "missing.pem");
  EXPECT_EQ(missing.exit, 2);
  EXPECT_THAT(missing.err, HasSubstr("missing.pem"));
}

TEST_F(SagadTls, ACertificateOfAnotherNameIsNotTrusted) {
  make_identity("cert.pem", "key.pem", "DNS:elsewhere.example");
  SagadProcess sagad(with_tls());
  ASSERT_TRUE(sagad.ready()) << sagad.child().stderr_text();
  const Outcome refused = ctl(sagad, {"stats"});
  EXPECT_EQ(refused.exit, 5);
  EXPECT_THAT(refused.err, HasSubstr("could not be verified"));
}

TEST_F(SagadTls, BigBodiesGoBothWays) {
  SagadProcess sagad(with_tls());
  ASSERT_TRUE(sagad.ready()) << sagad.child().stderr_text();
  std::string text = kWorkflow;
  for (int line = 0; text.size() < 900'000; ++line) text += "# " + std::to_string(line) + std::string(70, '.') + "\n";
  const Outcome applied = ctl(sagad, {"workflow", "apply", folder_.write("big.yaml", text)});
  EXPECT_EQ(applied.exit, 0) << applied.err;
  const Outcome shown = ctl(sagad, {"workflow", "show", "order/1"});
  EXPECT_EQ(shown.exit, 0) << shown.err;
  EXPECT_EQ(shown.out, text);
}

TEST_F(SagadTls, PlainHttpIsToldThatThisIsHttps) {
  SagadProcess sagad(with_tls());
  ASSERT_TRUE(sagad.ready()) << sagad.child().stderr_text();
  HttpSocket client(sagad.port());
  client.send("GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto answer = client.read_answer();
  EXPECT_EQ(answer.status, 400);
  EXPECT_THAT(answer.body, HasSubstr("this is https"));
}

TEST_F(SagadTls, AClientThatDoesNotFinishItsHandshakeShutsNobodyOut) {
  SagadProcess sagad(with_tls());
  ASSERT_TRUE(sagad.ready()) << sagad.child().stderr_text();
  HttpSocket silent(sagad.port());
  HttpSocket half(sagad.port());
  half.send("\x16\x03\x01");
  EXPECT_EQ(ctl(sagad, {"health"}).exit, 0);
  sagad.child().kill(SIGTERM);
  EXPECT_EQ(sagad.child().wait(), 0);
}

TEST_F(SagadTls, SpeaksNothingOlderThanTls12) {
  SagadProcess sagad(with_tls());
  ASSERT_TRUE(sagad.ready()) << sagad.child().stderr_text();
  const auto handshake = [&](const std::string& version) {
    return run({OPENSSL_PROGRAM, "s_client", "-connect", "127.0.0.1:" + std::to_string(sagad.port()), version,
                "-cipher", "DEFAULT@SECLEVEL=0", "-brief"})
        .exit;
  };
  EXPECT_NE(handshake("-tls1_1"), 0);
  EXPECT_EQ(handshake("-tls1_2"), 0);
}

TEST_F(SagadTls, ACertificateIsReplacedAtSighup) {
  SagadProcess sagad(with_tls());
  ASSERT_TRUE(sagad.ready()) << sagad.child().stderr_text();
  make_identity("new.pem", "new-key.pem", "IP:127.0.0.1");
  std::filesystem::rename(folder_.path("new-key.pem"), folder_.path("key.pem"));
  std::filesystem::copy(folder_.path("new.pem"), folder_.path("cert.pem"),
                        std::filesystem::copy_options::overwrite_existing);
  EXPECT_EQ(ctl(sagad, {"health"}, "new.pem").exit, 5);
  sagad.child().kill(SIGHUP);
  const auto until = std::chrono::steady_clock::now() + HttpSocket::kPatience;
  int exit = -1;
  while ((exit = ctl(sagad, {"health"}, "new.pem").exit) != 0 && std::chrono::steady_clock::now() < until)
    std::this_thread::yield();
  EXPECT_EQ(exit, 0);
}

TEST_F(SagadTls, FilesThatDoNotDoAreRefusedWithOneLine) {
  make_identity("other.pem", "other-key.pem", "IP:127.0.0.1");
  openssl(
      {"ec", "-in", folder_.path("key.pem"), "-aes256", "-passout", "pass:word", "-out", folder_.path("locked.pem")});
  folder_.write("text.pem", "this is no certificate\n");
  struct Case {
    const char* cert;
    const char* key;
    const char* says;
  };
  for (const Case& c : {Case{"missing.pem", "key.pem", "missing.pem: cannot be read"},
                        Case{"cert.pem", "missing.pem", "missing.pem: cannot be read"},
                        Case{"text.pem", "key.pem", "text.pem: expected a certificate chain as PEM"},
                        Case{"key.pem", "key.pem", "key.pem: expected a certificate chain as PEM"},
                        Case{"cert.pem", "text.pem", "text.pem: expected a private key as PEM"},
                        Case{"cert.pem", "other-key.pem", "is not the key of "},
                        Case{"cert.pem", "locked.pem", "without a passphrase"}}) {
    for (const char* how : {"--insecure", "--check"}) {
      const Outcome refused = run({SAGAD_BINARY, how, "--listen", "127.0.0.1:0", "--store", "memory", "--tls-cert",
                                   folder_.path(c.cert), "--tls-key", folder_.path(c.key)});
      EXPECT_EQ(refused.exit, 2) << c.says;
      EXPECT_EQ(refused.out, "");
      EXPECT_THAT(refused.err, HasSubstr(c.says));
      EXPECT_EQ(std::count(refused.err.begin(), refused.err.end(), '\n'), 1) << refused.err;
    }
  }
}

}  // namespace
}  // namespace saga::sagad
