//! What a request asks for, so that it can be told what another format can't say.

use super::message::{Content, DocumentBody, Part, Role, Source};
use super::reasoning::Amount;
use super::request::{AnswerFormat, Request};
use super::tool::ToolChoice;

/// Something that not every format can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Feature {
    Temperature,
    TopP,
    TopK,
    PresencePenalty,
    FrequencyPenalty,
    Seed,
    MaxTokens,
    Stop,
    /// More than one alternative.
    Choices,
    /// Any JSON object as the answer.
    JsonAnswer,
    /// An answer of a JSON schema.
    SchemaAnswer,
    Tools,
    /// Arguments that match their schema exactly.
    StrictTools,
    ToolChoiceRequired,
    ToolChoiceNamed,
    ToolChoiceNever,
    /// No two tools at once.
    NoParallelToolCalls,
    /// A tool that failed.
    FailedTool,
    /// An image that a tool gave.
    ToolImage,
    ImageInline,
    ImageUrl,
    /// A file that was uploaded to a provider.
    UploadedFile,
    ImageDetail,
    Audio,
    DocumentInline,
    DocumentUrl,
    DocumentText,
    /// Citations from a document.
    Citations,
    /// Reasoning, more or less.
    Reasoning,
    /// No reasoning.
    NoReasoning,
    CacheHint,
    User,
    /// What the application says in the midst of the conversation.
    LateSystem,
}

impl Feature {
    /// Every one of them.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 33] = [
        Self::Temperature,
        Self::TopP,
        Self::TopK,
        Self::PresencePenalty,
        Self::FrequencyPenalty,
        Self::Seed,
        Self::MaxTokens,
        Self::Stop,
        Self::Choices,
        Self::JsonAnswer,
        Self::SchemaAnswer,
        Self::Tools,
        Self::StrictTools,
        Self::ToolChoiceRequired,
        Self::ToolChoiceNamed,
        Self::ToolChoiceNever,
        Self::NoParallelToolCalls,
        Self::FailedTool,
        Self::ToolImage,
        Self::ImageInline,
        Self::ImageUrl,
        Self::UploadedFile,
        Self::ImageDetail,
        Self::Audio,
        Self::DocumentInline,
        Self::DocumentUrl,
        Self::DocumentText,
        Self::Citations,
        Self::Reasoning,
        Self::NoReasoning,
        Self::CacheHint,
        Self::User,
        Self::LateSystem,
    ];
}

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Features(u64);

impl Features {
    pub(crate) fn of(request: &Request<'_>) -> Self {
        let mut found = Self::default();
        found.parameters(request);
        found.tools(request);
        found.add_if(request.messages.iter().any(|message| message.role == Role::System), Feature::LateSystem);
        for part in request.system.iter().chain(request.messages.iter().flat_map(|message| &message.parts)) {
            found.part(part);
        }
        found
    }

    pub(crate) fn has(self, feature: Feature) -> bool {
        self.0 & (1 << feature as u32) != 0
    }

    fn add(&mut self, feature: Feature) {
        self.add_if(true, feature);
    }

    fn add_if(&mut self, is_there: bool, feature: Feature) {
        self.0 |= u64::from(is_there) << feature as u32;
    }

    fn parameters(&mut self, request: &Request<'_>) {
        let sampling = &request.sampling;
        self.add_if(sampling.temperature.is_some(), Feature::Temperature);
        self.add_if(sampling.top_p.is_some(), Feature::TopP);
        self.add_if(sampling.top_k.is_some(), Feature::TopK);
        self.add_if(sampling.presence_penalty.is_some(), Feature::PresencePenalty);
        self.add_if(sampling.frequency_penalty.is_some(), Feature::FrequencyPenalty);
        self.add_if(sampling.seed.is_some(), Feature::Seed);
        self.add_if(request.max_tokens.is_some(), Feature::MaxTokens);
        self.add_if(!request.stop.is_empty(), Feature::Stop);
        self.add_if(request.choices.as_ref().is_some_and(|n| n.as_u64() != Some(1)), Feature::Choices);
        self.add_if(request.user.is_some(), Feature::User);
        match &request.answer_format {
            Some(AnswerFormat::Json) => self.add(Feature::JsonAnswer),
            Some(AnswerFormat::Schema(_)) => self.add(Feature::SchemaAnswer),
            Some(AnswerFormat::Text) | None => {}
        }
        match request.reasoning.as_ref().and_then(|reasoning| reasoning.amount.as_ref()) {
            Some(Amount::Off) => self.add(Feature::NoReasoning),
            Some(Amount::Adaptive | Amount::Effort(_) | Amount::Budget(_)) => self.add(Feature::Reasoning),
            None => {}
        }
    }

    fn tools(&mut self, request: &Request<'_>) {
        self.add_if(!request.tools.is_empty(), Feature::Tools);
        self.add_if(request.tools.iter().any(|tool| tool.strict == Some(true)), Feature::StrictTools);
        self.add_if(request.tools.iter().any(|tool| tool.cache.is_some()), Feature::CacheHint);
        self.add_if(request.parallel_tool_calls == Some(false), Feature::NoParallelToolCalls);
        match &request.tool_choice {
            Some(ToolChoice::Required) => self.add(Feature::ToolChoiceRequired),
            Some(ToolChoice::Named(_)) => self.add(Feature::ToolChoiceNamed),
            Some(ToolChoice::Never) => self.add(Feature::ToolChoiceNever),
            Some(ToolChoice::Auto) | None => {}
        }
    }

    fn part(&mut self, part: &Part<'_>) {
        self.add_if(part.cache.is_some(), Feature::CacheHint);
        match &part.content {
            Content::Image(image) => {
                self.add_if(image.detail.as_deref().is_some_and(|detail| detail != "auto"), Feature::ImageDetail);
                self.add(of_source(&image.source, Feature::ImageInline, Feature::ImageUrl));
            }
            Content::Audio(audio) => self.add(of_source(&audio.source, Feature::Audio, Feature::Audio)),
            Content::Document(document) => {
                self.add_if(document.cites, Feature::Citations);
                self.add(match &document.body {
                    DocumentBody::Text(_) => Feature::DocumentText,
                    DocumentBody::Bytes(source) => of_source(source, Feature::DocumentInline, Feature::DocumentUrl),
                });
            }
            Content::ToolResult(result) => {
                self.add_if(result.is_error, Feature::FailedTool);
                let has_image = result.content.iter().any(|part| matches!(part.content, Content::Image(_)));
                self.add_if(has_image, Feature::ToolImage);
                for part in &result.content {
                    self.part(part);
                }
            }
            Content::Text { .. }
            | Content::Refusal(_)
            | Content::ToolCall(_)
            | Content::Reasoning { .. }
            | Content::SealedReasoning(_) => {}
        }
    }
}

fn of_source(source: &Source<'_>, inline: Feature, url: Feature) -> Feature {
    match source {
        Source::Inline { .. } => inline,
        Source::Url { .. } => url,
        Source::File(_) => Feature::UploadedFile,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::message::{Image, Message};
    use crate::exchange::tool::ToolResult;

    #[test]
    fn what_a_request_asks_for_is_found_wherever_it_stands() {
        let image = Part::of(Content::Image(Image { source: Source::File("f".into()), detail: Some("low".into()) }));
        let result = ToolResult { id: "c".into(), name: None, content: vec![image], is_error: true };
        let request = Request {
            messages: vec![Message { role: Role::User, parts: vec![Part::of(Content::ToolResult(result))] }],
            choices: Some(1.into()),
            ..Request::default()
        };
        let found: Vec<_> = Feature::ALL.into_iter().filter(|feature| Features::of(&request).has(*feature)).collect();
        let expected = [Feature::FailedTool, Feature::ToolImage, Feature::UploadedFile, Feature::ImageDetail];
        assert_eq!(found, expected);
        assert!(Feature::ALL.iter().enumerate().all(|(at, feature)| *feature as usize == at));
    }
}
