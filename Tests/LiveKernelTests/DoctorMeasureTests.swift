import Foundation
import Glibc
import Testing

extension Live {
    /// doctor --measure: the rules are in for a while, calls of our own prove the figures, and all is as it was.
    @Suite struct DoctorMeasures {
        @Test(arguments: [["all"], ["sshd"], ["all", "--mode", "full"], ["all", "--mode", "light"]])
        func ourOwnCallsArrive(_ arguments: [String]) throws {
            let answer = try ask(arguments + ["--measure", "2"])
            let measured = try #require(answer.measured)
            #expect(measured.seconds >= 2)
            #expect(measured.self_test.made.socket > 50)
            #expect(measured.self_test.counted.socket == measured.self_test.made.socket)
            let proof = try answer.check("self_test")
            #expect(proof.status == "pass", "\(proof.text)")
            if !arguments.contains("light") {
                #expect(measured.self_test.counted.close == measured.self_test.made.close)
                #expect(proof.text.contains("b64.socket") && proof.text.contains("b64.close"))
            }
            for id in ["measured_rate", "measured_cpu", "measured_harm", "recommendation"] {
                _ = try answer.check(id)
            }
        }

        private func ask(_ arguments: [String]) throws -> DoctorAnswer {
            let before = try AuditState.read()
            let told = try run(Host.sockaudit, ["doctor", "--format", "json"] + arguments)
            let changes = before.changes(to: try AuditState.read())
            #expect(changes.isEmpty, "doctor --measure left: \(changes)")
            return try DoctorAnswer.parse(told.out)
        }

        /// A rule of somebody hides the closes of the user that the self-test runs as.
        @Test func whatIsHiddenIsNoticed() throws {
            try AuditState.with(["-A never,exit -F arch=b64 -S close -F uid=65534"]) {
                let answer = try ask(["all", "--measure", "2"])
                #expect(try answer.check("self_test").status == "fail")
                #expect(answer.result == "cannot")
            }
        }

        @Test func withoutRightsNothingIsMeasured() throws {
            let before = try AuditState.read()
            let told = try run(
                "setpriv",
                [
                    "--reuid", "65534", "--regid", "65534", "--clear-groups", "--bounding-set=-all",
                    "--inh-caps=-all",
                    Host.sockaudit, "doctor", "--format", "json", "--measure", "1",
                ])
            #expect(told.code == 3, "\(told.err)")
            let answer = try DoctorAnswer.parse(told.out)
            #expect(answer.measured == nil)
            #expect(before.changes(to: try AuditState.read()).isEmpty)
        }
    }
}
