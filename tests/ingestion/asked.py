"""All that we ask Webex, written down: this holds where its description is not at hand, too."""

DEVIATIONS = {
    "GET /meetingTranscripts/{transcriptId}/download: there is no parameter meetingId": (
        "it stands in the links of Webex's guide"
    ),
    "PATCH /meetings/{meetingId} takes application/json-patch+json and not application/json": (
        "the body is no JSON patch; the described type follows where this one is refused"
    ),
    "GET /meetings/polls/{pollId}/questions/{questionId}/respondents: "
    "there is no parameter offset": "Webex's Basics say that this list is paged by it",
}
"""Where we differ from the description on purpose, and why."""

PARAMETERS: dict[str, set[str]] = {
    "GET /people/me": set(),
    "GET /meetingPreferences/sites": set(),
    "GET /meetings": {
        *("meetingSeriesId", "meetingType", "state", "from", "to", "max", "isModified"),
        "hostEmail",
    },
    "GET /meetings/{meetingId}": {"hostEmail"},
    "PATCH /meetings/{meetingId}": set(),
    "PUT /meetings/{meetingId}": set(),
    "GET /meetingParticipants": {"meetingId", "hostEmail", "max"},
    "GET /recordings": {"meetingId", "from", "to", "max"},
    "GET /recordings/{recordingId}": {"hostEmail"},
    "GET /admin/recordings": {"meetingId", "siteUrl", "from", "to", "max"},
    "GET /meetingTranscripts": {"meetingId", "hostEmail", "siteUrl", "from", "to", "max"},
    "GET /admin/meetingTranscripts": {"siteUrl", "from", "to", "max"},
    "GET /meetingTranscripts/{transcriptId}/download": {"meetingId", "format", "hostEmail"},
    "GET /meetingTranscripts/{transcriptId}/snippets": {"max"},
    "GET /meetingInvitees": {"meetingId", "hostEmail", "max"},
    "GET /meetingSummaries": {"meetingId"},
    "GET /admin/meetingSummaries": {"meetingId"},
    "GET /meetings/postMeetingChats": {"meetingId", "max", "offset"},
    "GET /meetings/polls": {"meetingId"},
    "GET /meetings/pollResults": {"meetingId", "max"},
    "GET /meetings/polls/{pollId}/questions/{questionId}/respondents": {
        *("meetingId", "max", "offset"),
    },
    "GET /meetings/q_and_a": {"meetingId", "max"},
    "GET /meetings/q_and_a/{questionId}/answers": {"meetingId", "max"},
    "GET /meetingClosedCaptions": {"meetingId"},
    "GET /meetingClosedCaptions/{closedCaptionId}/snippets": {"meetingId"},
    "GET /meetingReports/attendees": {"meetingId", "siteUrl", "from", "to", "max"},
    "GET /webhooks": {"max"},
    "POST /webhooks": set(),
    "PUT /webhooks/{webhookId}": set(),
    "DELETE /webhooks/{webhookId}": set(),
}
"""The query of each request, by method and path."""

BODIES: dict[str, set[str]] = {
    "POST /webhooks": {"name", "targetUrl", "resource", "event", "secret", "ownedBy"},
    "PUT /webhooks/{webhookId}": {"name", "targetUrl", "status", "secret", "ownedBy"},
    "PATCH /meetings/{meetingId}": {"enabledAutoRecordMeeting", "sendEmail", "hostEmail"},
    "PUT /meetings/{meetingId}": {
        *("enabledAutoRecordMeeting", "sendEmail", "hostEmail"),
        *("title", "agenda", "password", "start", "end", "timezone", "excludePassword"),
        *("enabledJoinBeforeHost", "enableConnectAudioBeforeHost", "joinBeforeHostMinutes"),
        *("allowAnyUserToBeCoHost", "allowFirstUserToBeCoHost", "allowAuthenticatedDevices"),
        *("publicMeeting", "unlockedMeetingJoinSecurity", "enabledBreakoutSessions"),
    },
}
"""The properties of each body; in a PUT of a meeting those that the simulator tells of one."""
