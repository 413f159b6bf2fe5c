import CAudit
import Glibc
import SockAuditCore

/// One libauparse parser in feed mode: text lines in, events out through the decoder.
@safe public struct AuparseFeed: ~Copyable {
    private let state: OpaquePointer
    /// Kept alive for the callback, which holds an unretained reference to it.
    private let decoder: EventDecoder

    public init(decoder: EventDecoder) throws(AuditError) {
        set_aumessage_mode(MSG_QUIET, DBG_NO)
        // Destroyed in deinit alone.
        guard let state = unsafe auparse_init(AUSOURCE_FEED, nil) else {
            throw AuditError(
                .socketFailed, errno: errno, "libauparse could not be set up; is there memory left?")
        }
        // The parser that was just made; the decoder is kept for as long.
        unsafe self.state = state
        self.decoder = decoder
        unsafe auparse_set_escape_mode(state, AUPARSE_ESC_RAW)
        unsafe auparse_add_callback(
            state,
            { au, kind, user in
                // Both as they were given to auparse_add_callback.
                guard kind == AUPARSE_CB_EVENT_READY, let au = unsafe au, let user = unsafe user else {
                    return
                }
                // The feed keeps the decoder alive for as long as the callback can be called.
                unsafe Unmanaged<EventDecoder>.fromOpaque(user).takeUnretainedValue().decode(ParsedEvent(au))
            }, unsafe Unmanaged.passUnretained(decoder).toOpaque(), nil)
    }

    // Made in init, and destroyed here alone.
    deinit { unsafe auparse_destroy(state) }

    /// Feeds whole or cut lines; events that became complete are in the decoder afterwards.
    public func feed(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress, unsafe !bytes.isEmpty else { return }
        _ = unsafe sockaudit_feed(state, base.assumingMemoryBound(to: CChar.self), bytes.count)
    }

    /// Completes events that have waited for their last record for too long; call once a second.
    public func age() { unsafe auparse_feed_age_events(state) }

    /// Completes all that is still open: at a table, after the stream was drained, and at the end.
    public func flush() { _ = unsafe auparse_flush_feed(state) }
}
