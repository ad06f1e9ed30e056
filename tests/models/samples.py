"""What the guide shows of Webex's answers, with invented people, sites and tickets."""

from typing import Any

INSTANCE_ID = "501e995485e2460bb129410116757b13_I_194316955237236650"
SERIES_ID = "501e995485e2460bb129410116757b13"
RECORDING_ID = "724a81a697201039a976005056819cde"
TRANSCRIPT_ID = f"a5038f0b-320a-456f-a51f-7541eeb0eae5_M_{SERIES_ID}"
SITE = "https://example.webex.com/example"
MEDIA = "https://nsj1wss.webex.com/nbr/MultiThreadDownloadServlet"
DOWNLOAD = f"https://webexapis.com/v1/meetingTranscripts/{TRANSCRIPT_ID}/download"

ENDED_EVENT: dict[str, Any] = {
    "id": "Y2lzY29zcGFyazovL3VybjpURUFNOnVzLXdlc3QtMl9yL1dFQkhPT0svaW52ZW50ZWQ",
    "name": "Meeting Ended Webhook",
    "targetUrl": "https://ingest.example.com/webhooks/webex",
    "resource": "meetings",
    "event": "ended",
    "orgId": "Y2lzY29zcGFyazovL3VzL09SR0FOSVpBVElPTi9pbnZlbnRlZA",
    "createdBy": "Y2lzY29zcGFyazovL3VzL1BFT1BMRS9pbnZlbnRlZA",
    "appId": "Y2lzY29zcGFyazovL3VzL0FQUExJQ0FUSU9OL2ludmVudGVk",
    "ownedBy": "creator",
    "status": "active",
    "created": "2021-05-14T20:20:01.024Z",
    "data": {
        "id": INSTANCE_ID,
        "meetingType": "meeting",
        "timezone": "UTC",
        "start": "2021-05-14T20:25:19Z",
        "end": "2021-05-14T20:26:54Z",
        "hostUserId": "Y2lzY29zcGFyazovL3VzL1BFT1BMRS9pbnZlbnRlZA",
        "state": "ended",
        "hostEmail": "host@example.com",
        "siteUrl": "example.webex.com",
        "orgId": "00000000-8d7f-427b-a4f9-5e3cb3dddf7b",
    },
}

LISTED_RECORDING: dict[str, Any] = {
    "id": RECORDING_ID,
    "meetingId": INSTANCE_ID,
    "scheduledMeetingId": f"{SERIES_ID}_20210514T203000Z",
    "meetingSeriesId": SERIES_ID,
    "topic": "Test meeting-20210514 2025-1",
    "createTime": "2021-05-14T20:28:53Z",
    "siteUrl": "example.webex.com",
    "downloadUrl": f"{SITE}/lsr.php?RCID=77ab059a6b6512550d6a3ddafeea57aa",
    "playbackUrl": f"{SITE}/ldr.php?RCID=6197666928e747419d239f3cfdee3e49",
    "password": "tA3hInvented",
    "format": "MP4",
    "durationSeconds": 85,
    "sizeBytes": 4982263,
    "shareToMe": False,
}

DETAILED_RECORDING: dict[str, Any] = LISTED_RECORDING | {
    "temporaryDirectDownloadLinks": {
        "recordingDownloadLink": f"{MEDIA}?siteid=13867087&ticket=SDJTSwINVENTED%3D&islogin=yes",
        "audioDownloadLink": f"{MEDIA}/audio.mp3?siteid=13867087&ticket=SDJTSwAUDIO%3D",
        "expiration": "2021-05-17T23:29:31Z",
    }
}

LISTED_TRANSCRIPT: dict[str, Any] = {
    "id": TRANSCRIPT_ID,
    "meetingId": INSTANCE_ID,
    "startTime": "2021-05-14T20:25:22Z",
    "vttDownloadLink": f"{DOWNLOAD}?meetingId={INSTANCE_ID}&format=vtt",
    "txtDownloadLink": f"{DOWNLOAD}?meetingId={INSTANCE_ID}&format=txt",
}

SNIPPET: dict[str, Any] = {
    "id": "195d64646ad14be2924ea50f541fd91d_00001",
    "text": "Hello everyone",
    "personName": "Alice Example",
    "personEmail": "alice@example.com",
    "offset": 1000,
    "duration": 1500,
}

SCHEDULED_MEETING: dict[str, Any] = {
    "id": "870f51ff287b41be84648412901e0402_20191101T120000Z",
    "meetingSeriesId": "870f51ff287b41be84648412901e0402",
    "meetingNumber": "123456789",
    "title": "Example Daily Meeting",
    "agenda": "Example Agenda",
    "password": "BgJeInvented",
    "phoneAndVideoSystemPassword": "12345678",
    "meetingType": "scheduledMeeting",
    "state": "ready",
    "isModified": False,
    "timezone": "UTC",
    "start": "2019-11-01T12:00:00Z",
    "end": "2019-11-01T13:00:00Z",
    "hostDisplayName": "Alice Example",
    "hostEmail": "alice@example.com",
    "hostKey": "654321",
    "siteUrl": "site4-example.webex.com",
    "webLink": "https://site4-example.webex.com/site4/j.php?MTID=md41817da6a55b0925530cb8",
    "sipAddress": "123456789@site4-example.webex.com",
    "dialInIpAddress": "192.0.2.100",
    "enabledAutoRecordMeeting": False,
    "telephony": {
        "accessCode": "1234567890",
        "callInNumbers": [{"label": "US Toll", "callInNumber": "123456789", "tollType": "toll"}],
        "links": [
            {
                "rel": "globalCallinNumbers",
                "href": "/api/v1/meetings/870f51ff287b41be84648412901e0402/globalCallinNumbers",
                "method": "GET",
            }
        ],
    },
}
